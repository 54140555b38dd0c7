//! Results of a sweep: for each preset the scores of each game over the seeds, and human-normalized scores over all games, each
//! with an interval (Agarwal et al. 2021).

use crate::evaluation::statistics::{
    interquartile_mean, mean, median, stratified_interval, LEAST_OF_STRATUM, LEAST_VALUES, RESAMPLES,
};
use crate::files::read_text;
use crate::random::{Generator, Purpose};
use crate::run::folder::{RunState, EVALUATION_FILE};
use crate::saving::{own_files, sealed_file};
use crate::sweep::grid::{Cell, Grid};
use crate::system::files::LONGEST_DESCRIPTION;
use crate::text::faults::plain;
use crate::text::output::print;
use anyhow::{anyhow, ensure, Context, Result};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The summary as JSON, in the sweep's folder.
pub const JSON_FILE: &str = "summary.json";
/// The summary as Markdown, in the sweep's folder.
pub const MARKDOWN_FILE: &str = "summary.md";

/// The first line of the Markdown.
const HEADING: &str = "# Summary of the sweep";

/// A statistic of several runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Its value.
    pub value: f64,
    /// Its 95 % stratified bootstrap interval; `None` from too few runs (see [`stratified_interval`]).
    pub interval_95_percent: Option<[f64; 2]>,
}

impl Estimate {
    /// `statistic` of `strata`, the runs of each game.
    fn of(strata: &[Vec<f64>], statistic: impl Fn(&[Vec<f64>]) -> f64) -> Self {
        let value = statistic(strata);
        let interval_95_percent = stratified_interval(strata, statistic, &mut Generator::new(0, Purpose::Bootstrap));
        Self { value, interval_95_percent }
    }
}

/// The finished runs of a game.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GameSummary {
    /// The game's name.
    pub game: String,
    /// Mean score of each finished run's final evaluation, in the order of the seeds.
    pub scores: Vec<f64>,
    /// Their mean.
    pub mean: Estimate,
    /// The mean of their middle half.
    pub interquartile_mean: Estimate,
    /// The scores with the random agent as 0 and the human as 100; `None` if either score is not published.
    #[serde(rename = "human_normalised_percent")]
    pub human_normalized_percent: Option<Vec<f64>>,
}

/// All games that have human-normalized scores, in percent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HumanNormalized {
    /// Games.
    pub games: usize,
    /// Runs.
    pub runs: usize,
    /// The median of the games' means.
    pub median_of_games: Estimate,
    /// The mean of the games' means.
    pub mean_of_games: Estimate,
    /// The mean of the middle half of all runs.
    pub interquartile_mean_of_runs: Estimate,
}

impl HumanNormalized {
    /// Computed from the runs of each game; `None` if there is no game.
    fn new(strata: &[Vec<f64>]) -> Option<Self> {
        let means = |strata: &[Vec<f64>]| strata.iter().map(|runs| mean(runs)).collect::<Vec<f64>>();
        (!strata.is_empty()).then(|| Self {
            games: strata.len(),
            runs: strata.iter().map(Vec::len).sum(),
            median_of_games: Estimate::of(strata, |strata| median(&means(strata))),
            mean_of_games: Estimate::of(strata, |strata| mean(&means(strata))),
            interquartile_mean_of_runs: Estimate::of(strata, |strata| interquartile_mean(&strata.concat())),
        })
    }
}

/// Results of a preset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PresetSummary {
    /// Its name.
    pub preset: String,
    /// The games with a finished run.
    pub games: Vec<GameSummary>,
    /// The games together.
    #[serde(rename = "human_normalised")]
    pub human_normalized: Option<HumanNormalized>,
}

/// Results of a sweep so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepSummary {
    /// Runs of the grid.
    pub cells: usize,
    /// Finished runs; the summary is of these alone.
    pub finished: usize,
    /// The presets.
    pub presets: Vec<PresetSummary>,
}

/// The final evaluation of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
struct FinalEvaluation {
    score: f64,
    human_normalized_percent: Option<f64>,
}

impl FinalEvaluation {
    fn read(cell: &Cell) -> Result<Self> {
        let path = cell.folder.join(EVALUATION_FILE);
        let value: Value = serde_json::from_str(&read_text(&path, LONGEST_DESCRIPTION)?).map_err(|error| {
            let why = plain(&error.to_string());
            anyhow!("{} is not JSON: {why}; remove it, and the sweep makes it again", path.display())
        })?;
        let summary = &value["trained"]["summary"];
        let score = summary["mean"].as_f64().with_context(|| {
            format!(
                "{} has no mean of the trained network's games; remove it, and the sweep makes it again",
                path.display()
            )
        })?;
        Ok(Self { score, human_normalized_percent: summary["human_normalised_percent"].as_f64() })
    }
}

impl SweepSummary {
    /// Summarizes the finished runs of `grid`.
    ///
    /// # Errors
    /// When a run cannot be read or does not belong to this sweep.
    pub fn new(grid: &Grid) -> Result<Self> {
        let mut evaluations = Vec::new();
        for cell in &grid.cells {
            if cell.state()? == RunState::Finished {
                evaluations.push((cell, FinalEvaluation::read(cell)?));
            }
        }
        let game = |preset: &String, game: &String| {
            let of_this = evaluations.iter().filter(|(cell, _)| cell.preset == *preset && cell.game.name == *game);
            let runs: Vec<FinalEvaluation> = of_this.map(|(_, evaluation)| *evaluation).collect();
            (!runs.is_empty()).then(|| summarize_game(game, &runs))
        };
        let presets = grid.presets().iter().map(|preset| {
            let games: Vec<GameSummary> = grid.games().iter().filter_map(|played| game(preset, &played.name)).collect();
            let normalized: Vec<Vec<f64>> =
                games.iter().filter_map(|game| game.human_normalized_percent.clone()).collect();
            PresetSummary { preset: preset.clone(), games, human_normalized: HumanNormalized::new(&normalized) }
        });
        Ok(Self { cells: grid.cells.len(), finished: evaluations.len(), presets: presets.collect() })
    }

    /// As Markdown, with columns that are aligned in a terminal too.
    pub fn markdown(&self) -> String {
        let mut text = format!("{HEADING}\n\n{} of {} runs are finished.\n", self.finished, self.cells);
        for PresetSummary { preset, games, human_normalized } in
            self.presets.iter().filter(|preset| !preset.games.is_empty())
        {
            let _ = write!(text, "\n## {preset}\n\n");
            let mut rows = vec![["game", "seeds", "mean", "95 % interval", "IQM", "95 % interval", "human-normalised"]
                .map(str::to_string)
                .to_vec()];
            rows.extend(games.iter().map(|game| {
                let percent = game.human_normalized_percent.as_ref();
                vec![
                    game.game.clone(),
                    game.scores.len().to_string(),
                    format!("{:.1}", game.mean.value),
                    interval(&game.mean),
                    format!("{:.1}", game.interquartile_mean.value),
                    interval(&game.interquartile_mean),
                    percent.map_or("-".to_string(), |percent| format!("{:.1} %", mean(percent))),
                ]
            }));
            text += &table(&rows);
            if let Some(all) = human_normalized {
                let _ = write!(text, "\nHuman-normalised, games: {}, runs: {}\n\n", all.games, all.runs);
                let mut rows = vec![["", "percent", "95 % interval"].map(str::to_string).to_vec()];
                for (name, estimate) in [
                    ("median of the games", &all.median_of_games),
                    ("mean of the games", &all.mean_of_games),
                    ("IQM of the runs", &all.interquartile_mean_of_runs),
                ] {
                    rows.push(vec![name.to_string(), format!("{:.1}", estimate.value), interval(estimate)]);
                }
                text += &table(&rows);
            }
        }
        if self.finished > 0 {
            let _ = write!(
                text,
                "\nThe score of a run is the mean of its final evaluation. IQM: the mean of the middle half (Agarwal et al. 2021).\n\
                 Intervals: stratified bootstrap, {RESAMPLES} resamples, seeds resampled within each game; none from fewer than\n\
                 {LEAST_VALUES} runs or {LEAST_OF_STRATUM} of a game, or from equal scores.\n\
                 Human-normalised: the random agent is 0, the human 100; games without published scores are left out.\n"
            );
        }
        text
    }

    /// Prints it and writes it into the sweep's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn publish(&self, grid: &Grid) -> Result<()> {
        ensure!(
            self.finished > 0,
            "no run of the sweep in {} is finished yet, so there is nothing to summarize; continue with: atari-dqn sweep --out {}",
            grid.folder.display(),
            grid.folder.display()
        );
        let (json_path, markdown_path) = (grid.folder.join(JSON_FILE), grid.folder.join(MARKDOWN_FILE));
        let json = serde_json::to_string_pretty(self).context("cannot write the summary as JSON")?;
        let markdown = self.markdown();
        replace(&json_path, &format!("{json}\n"), "{\n  \"cells\": ")?;
        replace(&markdown_path, &markdown, HEADING)?;
        print(&format!("{markdown}\nfiles: {} and {}\n", markdown_path.display(), json_path.display()))
    }
}

/// Writes a file in the place of an earlier one that begins with `beginning`; any other file is moved aside.
fn replace(path: &Path, text: &str, beginning: &str) -> Result<()> {
    let is_own = || fs::read(path).is_ok_and(|bytes| bytes.starts_with(beginning.as_bytes()));
    if own_files::is_there(path) && !is_own() {
        let aside = own_files::move_aside(path)?;
        say!("{} is no summary and is now {}", path.display(), aside.display());
    }
    sealed_file::write_atomically(path, &[text.as_bytes()])
}

fn summarize_game(game: &str, runs: &[FinalEvaluation]) -> GameSummary {
    let scores: Vec<f64> = runs.iter().map(|run| run.score).collect();
    let strata = [scores.clone()];
    GameSummary {
        game: game.to_string(),
        scores,
        mean: Estimate::of(&strata, |strata| mean(&strata[0])),
        interquartile_mean: Estimate::of(&strata, |strata| interquartile_mean(&strata[0])),
        human_normalized_percent: runs.iter().map(|run| run.human_normalized_percent).collect(),
    }
}

fn interval(estimate: &Estimate) -> String {
    estimate.interval_95_percent.map_or("-".to_string(), |[low, high]| format!("{low:.1} to {high:.1}"))
}

/// A Markdown table; the first row is its head, the first column is aligned to the left.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column == 0 { write!(text, "| {cell:<width$} ") } else { write!(text, "| {cell:>width$} ") };
        }
        text += "|\n";
        if i == 0 {
            for (column, &width) in widths.iter().enumerate() {
                let _ = if column == 0 {
                    write!(text, "|{:-<1$}", "", width + 2)
                } else {
                    write!(text, "|{:-<1$}:", "", width + 1)
                };
            }
            text += "|\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::grid::tests::grid;
    use serde_json::json;
    use std::fs;

    #[test]
    fn median_mean_and_interquartile_mean_are_as_worked_out_by_hand() {
        // Means 20, 60 and 130; of the nine runs 0 and 10, 130 and 140 are dropped for the IQM.
        let strata = [vec![0.0, 20.0, 40.0], vec![10.0, 50.0, 120.0], vec![120.0, 130.0, 140.0]];
        let all = HumanNormalized::new(&strata).unwrap();
        assert_eq!((all.games, all.runs), (3, 9));
        assert_eq!((all.median_of_games.value, all.mean_of_games.value), (60.0, 70.0));
        assert_eq!(all.interquartile_mean_of_runs.value, (20.0 + 40.0 + 50.0 + 120.0 + 120.0) / 5.0);
        let [low, high] = all.mean_of_games.interval_95_percent.unwrap();
        // The lowest and the highest possible means: (0 + 10 + 120) / 3 and (40 + 120 + 140) / 3.
        assert!((130.0 / 3.0..70.0).contains(&low) && (70.1..=100.0).contains(&high), "{low} {high}");
        assert_eq!(HumanNormalized::new(&strata), Some(all), "the same numbers every time");
        assert_eq!(HumanNormalized::new(&[]), None);
    }

    #[test]
    fn few_runs_and_equal_ones_have_no_interval() {
        let interval = |runs: &[f64]| Estimate::of(&[runs.to_vec()], |strata| mean(&strata[0])).interval_95_percent;
        for runs in [&[4.0][..], &[4.0, 9.0], &[1.0, 2.0, 3.0, 4.0], &[4.0; 9]] {
            assert_eq!(interval(runs), None, "{runs:?}");
        }
        assert!(interval(&[1.0, 2.0, 3.0, 4.0, 5.0]).is_some());
    }

    #[test]
    fn finished_runs_are_summed_up_by_preset_and_game_and_the_others_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let grid = grid(folder.path(), &["bricks", "pong-cpu"], 4);
        let finish = |cell: &Cell, score: f64, percent: Option<f64>| {
            fs::create_dir_all(cell.folder.join("checkpoints")).unwrap();
            fs::write(cell.folder.join("checkpoints/step-000000000001.checkpoint"), "").unwrap();
            fs::write(cell.folder.join("config.toml"), cell.config.to_toml().unwrap()).unwrap();
            let summary = json!({ "mean": score, "human_normalised_percent": percent });
            let evaluation = json!({ "trained": { "summary": summary } });
            fs::write(cell.folder.join(EVALUATION_FILE), evaluation.to_string()).unwrap();
        };
        assert!(SweepSummary::new(&grid)
            .unwrap()
            .publish(&grid)
            .unwrap_err()
            .to_string()
            .contains("no run of the sweep"));
        let of_bricks: Vec<&Cell> = grid.cells.iter().filter(|cell| cell.preset == "bricks").collect();
        for (cell, score) in of_bricks.iter().zip([10.0, 50.0, 20.0, 30.0]) {
            finish(cell, score, None);
        }
        let summary = SweepSummary::new(&grid).unwrap();
        assert_eq!((summary.cells, summary.finished, summary.presets.len()), (8, 4, 2));
        let PresetSummary { games, human_normalized, .. } = &summary.presets[0];
        assert_eq!(games[0].scores, [10.0, 50.0, 20.0, 30.0]);
        assert_eq!((games[0].mean.value, games[0].interquartile_mean.value), (27.5, 25.0));
        assert_eq!((&games[0].human_normalized_percent, human_normalized), (&None, &None));
        assert!(summary.presets[1].games.is_empty());

        let of_pong: Vec<&Cell> = grid.cells.iter().filter(|cell| cell.preset == "pong-cpu").collect();
        finish(of_pong[2], -3.0, Some(59.0));
        let summary = SweepSummary::new(&grid).unwrap();
        let all = summary.presets[1].human_normalized.as_ref().unwrap();
        assert_eq!(all.median_of_games, Estimate { value: 59.0, interval_95_percent: None });
        fs::write(folder.path().join(MARKDOWN_FILE), "what I think").unwrap();
        summary.publish(&grid).unwrap();
        summary.publish(&grid).unwrap();
        assert_eq!(fs::read(folder.path().join("summary.md.old")).unwrap(), b"what I think");
        assert!(!folder.path().join("summary.md.2.old").exists() && !folder.path().join("summary.json.old").exists());
        let markdown = fs::read_to_string(folder.path().join(MARKDOWN_FILE)).unwrap();
        assert!(markdown.contains("5 of 8 runs are finished"), "{markdown}");
        assert!(markdown.contains("| bricks |     4 | 27.5 |"), "{markdown}");
        assert!(markdown.contains("| median of the games |    59.0 |             - |"), "{markdown}");
        let json: Value = serde_json::from_slice(&fs::read(folder.path().join(JSON_FILE)).unwrap()).unwrap();
        assert_eq!(json["presets"][0]["games"][0]["mean"]["value"], 27.5);
    }
}
