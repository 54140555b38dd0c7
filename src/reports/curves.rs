//! Learning curves of one run, or of several runs of the same game, with the published scores beside them.
//!
//! Runs that differ in nothing but the seed are one curve: the mean over the seeds, with a band from the lowest to the highest.

use crate::drawing::chart::{Curve, Figure, Panel, Point, COLORS};
use crate::evaluation::scores::Reference;
use crate::evaluation::statistics::LEAST_VALUES;
use crate::run::history::{Moment, PeriodicRow, RunHistory};
use crate::run::rows::RecentReturns;
use crate::saving::sealed_file;
use crate::text::output::print;
use anyhow::{bail, ensure, Context, Result};
use clap::ValueEnum;
use same_file::Handle;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Most points of a curve; more cannot be told apart.
const POINTS: usize = 240;
/// The first mean is over this many games; fewer say too little.
const FIRST_GAMES: usize = 10;
/// Configuration keys that do not change what is learned.
const NOT_LEARNING: [&str; 10] = [
    "seed",
    "total_steps",
    "metrics_every_steps",
    "checkpoint_every_steps",
    "replay_compression",
    "evaluation_every_steps",
    "evaluation_steps",
    "evaluation_epsilon",
    "evaluation_max_episode_frames",
    "final_evaluation_episodes",
];
/// Longest name of a group that fits at the end of its line.
const SHORT_NAME: usize = 14;

/// The quantity on the horizontal axis of learning curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HorizontalAxis {
    /// Decisions of the agent
    Steps,
    /// Frames of the game, `frame_skip` a step
    Frames,
    /// Hours of training
    Hours,
}

/// Draws the curves of the runs in these folders into `files`, whose names end with `.svg` or `.png`.
///
/// # Errors
/// When a run cannot be read, the runs cannot share a picture, or a file cannot be written.
pub fn write(runs: &[PathBuf], axis: HorizontalAxis, files: &[PathBuf]) -> Result<()> {
    for path in files {
        FileType::of(path)?;
    }
    let runs = each_once(runs)?.into_iter().map(RunHistory::read).collect::<Result<Vec<RunHistory>>>()?;
    for warning in runs.iter().filter_map(|run| run.warning.as_ref()) {
        warn!("warning: {warning}");
    }
    let runs = each_seed_once(runs);
    let figure = figure(&runs, axis)?;
    let mut written = String::new();
    for path in files {
        let bytes = match FileType::of(path)? {
            FileType::Svg => figure.svg()?.into_bytes(),
            FileType::Png => figure.png()?,
        };
        if runs.iter().any(|run| path.parent() == Some(&run.folder)) {
            // A run's folder can come from anywhere, so a link in it is not followed.
            sealed_file::write_atomically(path, &[&bytes])?;
        } else {
            fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        written += &format!("{}\n", path.display());
    }
    print(&written)
}

/// The folders without those that are given twice, through a link or by another spelling too.
fn each_once(folders: &[PathBuf]) -> Result<Vec<&Path>> {
    let mut kept: Vec<(Handle, &Path)> = Vec::new();
    for folder in folders {
        // A folder that cannot be opened is reported when the run is read.
        let Ok(handle) = Handle::from_path(folder) else { return Ok(folders.iter().map(PathBuf::as_path).collect()) };
        match kept.iter().find(|(other, _)| *other == handle) {
            Some((_, other)) => {
                warn!("warning: {} is the same folder as {}, so the run counts once", folder.display(), other.display())
            }
            None => kept.push((handle, folder)),
        }
    }
    Ok(kept.into_iter().map(|(_, folder)| folder).collect())
}

/// The runs without repetitions of a seed with the same settings: they are the same run again, not another sample. The one with
/// more steps counts.
fn each_seed_once(runs: Vec<RunHistory>) -> Vec<RunHistory> {
    let mut kept: Vec<RunHistory> = Vec::new();
    for run in runs {
        let same = |other: &&mut RunHistory| {
            other.game == run.game && other.seed() == run.seed() && Settings::of(other) == Settings::of(&run)
        };
        let Some(other) = kept.iter_mut().find(same) else {
            kept.push(run);
            continue;
        };
        warn!(
            "warning: {} and {} have the same seed and the same settings, so they are one run and it counts once, the one with \
             more steps",
            other.folder.display(),
            run.folder.display()
        );
        if run.last_moment().step > other.last_moment().step {
            *other = run;
        }
    }
    kept
}

/// What runs of one curve have in common.
#[derive(PartialEq)]
struct Settings {
    preset: String,
    cartridge_md5: String,
    /// The keys that matter to learning.
    config: toml::Table,
}

impl Settings {
    fn of(run: &RunHistory) -> Self {
        let mut config = run.config.clone();
        config.retain(|key, _| !NOT_LEARNING.contains(&key));
        Self { preset: run.preset.clone(), cartridge_md5: run.cartridge_md5.clone(), config }
    }
}

enum FileType {
    Svg,
    Png,
}

impl FileType {
    fn of(path: &Path) -> Result<Self> {
        let has = |suffix: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(suffix));
        match (has("svg"), has("png")) {
            (true, _) => Ok(Self::Svg),
            (_, true) => Ok(Self::Png),
            _ => bail!("--out {}: the name must end with .svg or .png", path.display()),
        }
    }
}

/// Makes the label at the end of a group's line, from the group's number and the line.
type Label<'a> = dyn Fn(usize, &[(f64, f64)]) -> String + 'a;

/// Runs that differ in nothing but the seed.
struct Group<'a> {
    name: String,
    runs: Vec<&'a RunHistory>,
}

/// The curves of these runs.
///
/// # Errors
/// When they are of different games, or there is nothing to draw.
pub fn figure(runs: &[RunHistory], axis: HorizontalAxis) -> Result<Figure> {
    let first = runs.first().context("there is no run to draw")?;
    if let Some(other) = runs.iter().find(|run| run.game != first.game) {
        bail!(
            "{} is of {}, {} of {}: scores of different games cannot share an axis; plot each game by itself",
            first.folder.display(),
            first.game,
            other.folder.display(),
            other.game
        );
    }
    let groups = groups(runs);
    ensure!(
        groups.len() <= COLORS.len(),
        "the runs are of {} kinds (they differ in more than the seed); at most {} can be told apart, so plot fewer at once",
        groups.len(),
        COLORS.len()
    );
    let long_names = groups.len() > 1 && groups.iter().any(|group| group.name.chars().count() > SHORT_NAME);
    let label = |i: usize, line: &[(f64, f64)]| match groups.as_slice() {
        [_] => line.last().map_or(String::new(), |(_, y)| crate::drawing::chart::compact(*y)),
        _ if long_names => char::from(b'A' + i as u8).to_string(),
        _ => groups[i].name.clone(),
    };
    let panel = |title: &str, includes: &[f64], value: &dyn Fn(&PeriodicRow) -> Option<f64>| {
        let curves = groups.iter().enumerate().map(|(color, group)| {
            let runs: Vec<Vec<(f64, f64)>> = group.runs.iter().map(|run| values(run, axis, value)).collect();
            let (line, band) = over_runs(&runs);
            Curve { color, label: label(color, &line), line, band }
        });
        Panel { title: title.to_string(), includes: includes.to_vec(), curves: curves.collect(), ..Panel::default() }
    };
    let mut panels = vec![score_panel(&groups, axis, &label)?];
    panels.push(panel("held-out states: mean max Q", &[], &|row| row.held_out_max_q));
    panels.push(panel("loss", &[0.0], &|row| row.loss));
    panels.push(panel("epsilon", &[0.0, 1.0], &|row| row.epsilon));
    panels.push(panel("steps a second", &[0.0], &|row| row.steps_per_second));
    panels.retain(|panel| !panel.is_empty());
    ensure!(
        !panels.is_empty(),
        "there is nothing to draw in {} yet: no game has ended and no periodic row was written (every `metrics_every_steps`)",
        first.folder.display()
    );

    let key = match groups.as_slice() {
        [group] => vec![(None, format!("{}, {}", group.name, seeds(&group.runs)))],
        groups => {
            let line = |(i, group): (usize, &Group)| {
                let letter = if long_names { format!("{}: ", char::from(b'A' + i as u8)) } else { String::new() };
                (Some(i), format!("{letter}{}, {}", group.name, seeds(&group.runs)))
            };
            groups.iter().enumerate().map(line).collect()
        }
    };
    Ok(Figure {
        title: format!("{}: learning curves", first.game),
        key,
        x_label: x_label(runs, axis),
        panels,
        notes: notes(&groups, &first.game),
    })
}

fn x_label(runs: &[RunHistory], axis: HorizontalAxis) -> String {
    let frames: BTreeSet<u64> = runs.iter().map(RunHistory::frame_skip).collect();
    match (axis, frames.iter().collect::<Vec<_>>().as_slice()) {
        (HorizontalAxis::Steps, [frames]) => format!("steps (of {frames} frames)"),
        (HorizontalAxis::Steps, _) => "steps".to_string(),
        (HorizontalAxis::Frames, _) => "frames".to_string(),
        (HorizontalAxis::Hours, _) => "hours of training".to_string(),
    }
}

fn seeds(runs: &[&RunHistory]) -> String {
    match runs {
        [run] => run.seed().map_or("one run".to_string(), |seed| format!("seed {seed}")),
        runs => format!("{} runs", runs.len()),
    }
}

/// The notes below the picture.
fn notes(groups: &[Group], game: &str) -> Vec<String> {
    let window = RecentReturns::WINDOW;
    let several = groups.iter().any(|group| group.runs.len() > 1);
    let mut notes = vec![format!("Score: mean of the last {window} training games, of fewer at the start.")];
    if matches!(groups, [group] if group.runs.len() == 1) {
        notes.push("Band: eight of ten of those games, without the lowest and the highest tenth.".to_string());
    }
    if several {
        notes.push(
            "Several runs: their mean, and a band from the lowest to the highest, as far as the shortest goes."
                .to_string(),
        );
    }
    if groups.iter().any(|group| group.runs.iter().any(|run| !run.evaluations.is_empty())) {
        let games = groups.iter().flat_map(|group| &group.runs).flat_map(|run| &run.evaluations).map(|one| one.games);
        let (least, most) = games.fold((u64::MAX, 0), |(least, most), games| (least.min(games), most.max(games)));
        let games = if least == most { least.to_string() } else { format!("{least} to {most}") };
        notes.push(format!("Points: evaluations during training, games of each: {games}."));
    }
    let finals: Vec<_> =
        groups.iter().flat_map(|group| &group.runs).filter_map(|run| Some(final_point(run)?.1.is_some())).collect();
    if finals.contains(&true) {
        notes.push("Points with a bar: the evaluation after training, with the 95 % interval of its mean.".to_string());
    }
    if finals.contains(&false) {
        notes.push(format!(
            "Last point without a bar: the evaluation after training; fewer than {LEAST_VALUES} games or equal scores have no \
             interval."
        ));
    }
    notes.push(match Reference::of(game) {
        Some(reference) => format!("Dashed: {}; DQN after 200 million frames.", reference.source),
        None => format!("There are no published scores of {game}."),
    });
    notes
}

/// The mean score of the evaluation after training, and the interval of that mean, if there are enough games for one.
fn final_point(run: &RunHistory) -> Option<(f64, Option<(f64, f64)>)> {
    let evaluation = run.final_evaluation().ok().flatten()?;
    let summary = evaluation.pointer("/trained/summary")?;
    Some((summary.get("mean")?.as_f64()?, summary_interval(summary)))
}

/// The interval of the mean in the summary of an evaluation. Earlier versions wrote one for any number of games and for equal
/// scores.
pub(super) fn summary_interval(summary: &Value) -> Option<(f64, f64)> {
    let games = summary.get("episodes").and_then(Value::as_u64)?;
    let end = |i: usize| summary.get("mean_95_percent_interval")?.get(i)?.as_f64();
    Some((end(0)?, end(1)?)).filter(|(low, high)| games >= LEAST_VALUES as u64 && low < high)
}

fn score_panel(groups: &[Group], axis: HorizontalAxis, label: &Label) -> Result<Panel> {
    let mut panel = Panel { title: "score".to_string(), tall: true, ..Panel::default() };
    for (color, group) in groups.iter().enumerate() {
        let (line, band) = match group.runs.as_slice() {
            [run] => {
                let window = recent_games(run, axis);
                let line = thinned(window.iter().map(|(x, mean, _)| (*x, *mean)).collect());
                // Several overlapping bands of this kind would be unreadable.
                let window = if groups.len() == 1 { window } else { Vec::new() };
                // Tenths of fewer games would be their extremes.
                let few = run.games.len() < FIRST_GAMES;
                let window = if few { Vec::new() } else { window };
                let band = thinned(window.into_iter().map(|(x, _, (low, high))| (x, low, high)).collect());
                (line, band)
            }
            runs => {
                let means =
                    |run: &&RunHistory| recent_games(run, axis).into_iter().map(|(x, mean, _)| (x, mean)).collect();
                over_runs(&runs.iter().map(means).collect::<Vec<_>>())
            }
        };
        panel.curves.push(Curve { color, label: label(color, &line), line, band });
        for run in &group.runs {
            let x = |moment| x_of(run, moment, axis);
            panel.points.extend(run.evaluations.iter().map(|evaluation| Point {
                color,
                at: (x(evaluation.moment), evaluation.score),
                interval: None,
            }));
            run.final_evaluation()?;
            if let Some((mean, interval)) = final_point(run) {
                panel.points.push(Point { color, at: (x(run.last_moment()), mean), interval });
            }
        }
    }
    if let Some(Reference { random, human, dqn, .. }) =
        groups.first().and_then(|group| Reference::of(&group.runs[0].game))
    {
        panel.references = vec![("random".to_string(), random), ("human".to_string(), human), ("DQN".to_string(), dqn)];
    }
    Ok(panel)
}

fn x_of(run: &RunHistory, moment: Moment, axis: HorizontalAxis) -> f64 {
    match axis {
        HorizontalAxis::Steps => moment.step as f64,
        HorizontalAxis::Frames => moment.step as f64 * run.frame_skip() as f64,
        HorizontalAxis::Hours => moment.wall_seconds / 3600.0,
    }
}

/// At the end of each game: x, and of the last 100 scores the mean and (lowest tenth, highest tenth).
fn recent_games(run: &RunHistory, axis: HorizontalAxis) -> Vec<(f64, f64, (f64, f64))> {
    let first = FIRST_GAMES.min(run.games.len()).max(1);
    (first..=run.games.len())
        .map(|count| {
            let games = &run.games[count.saturating_sub(RecentReturns::WINDOW)..count];
            let mut scores: Vec<f64> = games.iter().map(|game| game.score).collect();
            scores.sort_by(f64::total_cmp);
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            let at_tenth = |tenth: usize| scores[(scores.len() - 1) * tenth / 10];
            (x_of(run, run.games[count - 1].moment, axis), mean, (at_tenth(1), at_tenth(9)))
        })
        .collect()
}

/// (x, value) of the periodic rows that have the value; where there are too many, means of neighbors.
fn values(run: &RunHistory, axis: HorizontalAxis, value: &dyn Fn(&PeriodicRow) -> Option<f64>) -> Vec<(f64, f64)> {
    let rows = run.progress.iter().filter_map(|row| Some((x_of(run, row.moment, axis), value(row)?)));
    let rows: Vec<(f64, f64)> = rows.collect();
    let together = rows.len().div_ceil(POINTS).max(1);
    let mean = |rows: &[(f64, f64)]| rows.iter().map(|(_, y)| y).sum::<f64>() / rows.len() as f64;
    rows.chunks(together).map(|chunk| (chunk[chunk.len() - 1].0, mean(chunk))).collect()
}

/// Every n-th point, and the last.
fn thinned<T>(points: Vec<T>) -> Vec<T> {
    let (count, every) = (points.len(), points.len().div_ceil(POINTS).max(1));
    let kept = points.into_iter().enumerate().filter(|(i, _)| i % every == 0 || i + 1 == count);
    kept.map(|(_, point)| point).collect()
}

/// A line, and (x, lowest, highest).
type LineAndBand = (Vec<(f64, f64)>, Vec<(f64, f64, f64)>);

/// Mean, lowest and highest of `runs`, from where the last one begins to where the first one ends. A run's value holds until
/// its next one.
fn over_runs(runs: &[Vec<(f64, f64)>]) -> LineAndBand {
    if let [run] = runs {
        return (thinned(run.clone()), Vec::new());
    }
    let starts = runs.iter().map(|run| run.first().map(|(x, _)| *x)).collect::<Option<Vec<f64>>>();
    let ends = runs.iter().map(|run| run.last().map(|(x, _)| *x)).collect::<Option<Vec<f64>>>();
    let (Some(starts), Some(ends)) = (starts, ends) else { return LineAndBand::default() };
    let start = starts.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let end = ends.into_iter().fold(f64::INFINITY, f64::min);
    if start > end {
        return LineAndBand::default();
    }
    let mut next = vec![0; runs.len()];
    let (mut line, mut band) = LineAndBand::default();
    for i in 0..=POINTS {
        let x = start + (end - start) * i as f64 / POINTS as f64;
        let mut values = Vec::with_capacity(runs.len());
        for (run, next) in runs.iter().zip(&mut next) {
            while *next < run.len() && run[*next].0 <= x {
                *next += 1;
            }
            values.push(run[next.saturating_sub(1)].1);
        }
        let (low, high) = values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
        line.push((x, values.iter().sum::<f64>() / values.len() as f64));
        band.push((x, low, high));
    }
    (line, band)
}

/// Groups of runs with the same settings, named by the preset and by the settings that differ.
fn groups(runs: &[RunHistory]) -> Vec<Group<'_>> {
    let mut kinds: Vec<(Settings, Vec<&RunHistory>)> = Vec::new();
    for run in runs {
        let settings = Settings::of(run);
        match kinds.iter_mut().find(|(kind, _)| *kind == settings) {
            Some((_, runs)) => runs.push(run),
            None => kinds.push((settings, vec![run])),
        }
    }
    let differs = |key: &str, preset: &str| {
        let values = kinds.iter().filter(|(kind, _)| kind.preset == preset).map(|(kind, _)| kind.config.get(key));
        values.map(|value| value.map(ToString::to_string)).collect::<BTreeSet<_>>().len() > 1
    };
    let cartridges = kinds.iter().map(|(kind, _)| &kind.cartridge_md5).collect::<BTreeSet<_>>().len();
    let name = |Settings { preset, cartridge_md5: md5, config }: &Settings| {
        let settings = config.iter().filter(|(key, _)| differs(key, preset));
        let name = settings.fold(preset.clone(), |name, (key, value)| format!("{name}, {key} {value}"));
        if cartridges > 1 {
            format!("{name}, cartridge {}", md5.get(..6).unwrap_or(md5))
        } else {
            name
        }
    };
    kinds.iter().map(|(kind, runs)| Group { name: name(kind), runs: runs.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::history::tests::{fake_rows, fake_run};

    fn read(runs: &[(&str, u64, &str, u64)]) -> Vec<RunHistory> {
        let folder = tempfile::tempdir().unwrap();
        let read = |(i, (game, seed, keys, games)): (usize, &(&str, u64, &str, u64))| {
            let run = folder.path().join(i.to_string());
            fake_run(&run, game, *seed, keys, &fake_rows(*games, |game| (game + 10 * seed) as f64));
            RunHistory::read(&run).unwrap()
        };
        runs.iter().enumerate().map(read).collect()
    }

    #[test]
    fn one_run_is_one_curve_with_the_published_scores_beside_it() {
        let figure = figure(&read(&[("pong", 0, "", 50)]), HorizontalAxis::Steps).unwrap();
        let titles: Vec<&str> = figure.panels.iter().map(|panel| panel.title.as_str()).collect();
        assert_eq!(titles, ["score", "held-out states: mean max Q", "loss", "epsilon", "steps a second"]);
        let score = &figure.panels[0];
        assert_eq!(score.references.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [-20.7, 9.3, 18.9]);
        assert_eq!(score.curves.len(), 1);
        assert_eq!(score.curves[0].line.first(), Some(&(1000.0, 5.5)), "from the tenth game on");
        assert_eq!(score.curves[0].line.last(), Some(&(5000.0, 25.5)));
        assert_eq!(score.curves[0].label, "25.5");
        assert_eq!(figure.key, [(None, "nature, seed 0".to_string())]);
        assert!(figure.notes.iter().any(|note| note.contains("Mnih et al. 2015")));
        figure.svg().unwrap();
    }

    #[test]
    fn seeds_of_one_kind_of_run_are_a_mean_with_a_band_as_far_as_the_shortest_goes() {
        let runs = [("pong", 0, "", 50), ("pong", 1, "", 30), ("pong", 2, "", 40)];
        let figure = figure(&read(&runs), HorizontalAxis::Steps).unwrap();
        let curve = &figure.panels[0].curves[0];
        assert_eq!(curve.line.last(), Some(&(3000.0, 25.5)));
        assert_eq!(curve.band.last(), Some(&(3000.0, 15.5, 35.5)));
        assert_eq!(figure.key, [(None, "nature, 3 runs".to_string())]);
    }

    #[test]
    fn runs_with_other_settings_are_other_curves_named_by_the_differences() {
        let runs = [("pong", 0, "n_step = 1", 20), ("pong", 1, "n_step = 3", 20), ("pong", 5, "n_step = 1", 20)];
        let figure = figure(&read(&runs), HorizontalAxis::Steps).unwrap();
        let key: Vec<&str> = figure.key.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(key, ["A: nature, n_step 1, 2 runs", "B: nature, n_step 3, seed 1"]);
        let labels: Vec<&str> = figure.panels[0].curves.iter().map(|curve| curve.label.as_str()).collect();
        assert_eq!(labels, ["A", "B"]);
    }

    #[test]
    fn a_run_given_twice_counts_once_by_any_name_and_so_does_its_repetition() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fake_run(&at("a"), "pong", 3, "", &fake_rows(20, |game| game as f64));
        fake_run(&at("again"), "pong", 3, "", &fake_rows(30, |game| game as f64));
        fake_run(&at("b"), "pong", 4, "", &fake_rows(30, |game| game as f64));
        let mut folders = vec![at("a"), at("b"), at("b/../a/"), at("a/.")];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("a"), at("link")).unwrap();
            folders.push(at("link"));
        }
        let once = each_once(&folders).unwrap();
        assert_eq!(once, [at("a"), at("b")]);
        let runs = ["a", "again", "b"].map(|name| RunHistory::read(&at(name)).unwrap()).to_vec();
        let kept = each_seed_once(runs);
        let kept: Vec<&Path> = kept.iter().map(|run| run.folder.as_path()).collect();
        assert_eq!(kept, [at("again"), at("b")], "the longer one");
    }

    #[test]
    fn an_interval_from_few_games_or_equal_scores_is_not_drawn() {
        let interval = |games: u64, low: f64| {
            summary_interval(&serde_json::json!({ "episodes": games, "mean_95_percent_interval": [low, 9.0] }))
        };
        assert_eq!((interval(5, 3.0), interval(4, 3.0), interval(30, 9.0)), (Some((3.0, 9.0)), None, None));
        assert_eq!(summary_interval(&serde_json::json!({ "episodes": 1, "mean_95_percent_interval": null })), None);
        let few = figure(&read(&[("pong", 0, "", 4)]), HorizontalAxis::Steps).unwrap();
        assert!(few.panels[0].curves[0].band.is_empty(), "no band from four games");
    }

    #[test]
    fn runs_of_different_cartridges_are_different_curves() {
        let mut runs = read(&[("pong", 0, "", 20), ("pong", 1, "", 20)]);
        runs[1].cartridge_md5 = "fedcba98".to_string();
        let figure = figure(&runs, HorizontalAxis::Steps).unwrap();
        let key: Vec<&str> = figure.key.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(key, ["A: nature, cartridge abc123, seed 0", "B: nature, cartridge fedcba, seed 1"]);
    }

    #[test]
    fn the_horizontal_axis_may_be_frames_or_hours() {
        let runs = read(&[("bricks", 0, "", 50)]);
        let last = |axis| figure(&runs, axis).unwrap().panels[0].curves[0].line.last().unwrap().0;
        assert_eq!((last(HorizontalAxis::Frames), last(HorizontalAxis::Hours)), (20_000.0, 50.0 / 3600.0));
        let notes = figure(&runs, HorizontalAxis::Frames).unwrap().notes;
        assert!(notes.contains(&"There are no published scores of bricks.".to_string()), "{notes:?}");
    }

    #[test]
    fn different_games_and_empty_runs_are_refused_with_what_to_do() {
        let refused =
            |runs: &[(&str, u64, &str, u64)]| figure(&read(runs), HorizontalAxis::Steps).unwrap_err().to_string();
        let message = refused(&[("pong", 0, "", 5), ("breakout", 0, "", 5)]);
        assert!(message.contains("is of pong") && message.contains("plot each game by itself"), "{message}");
        assert!(refused(&[("pong", 0, "", 0)]).contains("nothing to draw"));
        let kinds: Vec<String> = (0..8).map(|i| format!("n_step = {i}")).collect();
        let runs: Vec<(&str, u64, &str, u64)> = kinds.iter().map(|keys| ("pong", 0, keys.as_str(), 3)).collect();
        assert!(refused(&runs).contains("the runs are of 8 kinds"));
    }

    #[test]
    fn a_long_run_is_drawn_with_few_points() {
        let runs = read(&[("pong", 0, "", 5000)]);
        let figure = figure(&runs, HorizontalAxis::Steps).unwrap();
        for panel in &figure.panels {
            assert!(panel.curves[0].line.len() <= POINTS + 1, "{}: {}", panel.title, panel.curves[0].line.len());
        }
        assert_eq!(figure.panels[0].curves[0].line.last().map(|(x, _)| *x), Some(500_000.0));
    }
}
