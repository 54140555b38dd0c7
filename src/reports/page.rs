//! A run on one page of HTML that needs no other file, to be sent to somebody or opened on a phone.

use crate::classics::numpy_random::NumpyRandom;
use crate::classics::pictures::bars;
use crate::environments::classic::ClassicSpec;
use crate::policy::model::{self, OpenModel, MODEL_FILE};
use crate::policy::Policy;
use crate::reports::curves::{self, HorizontalAxis};
use crate::run::folder::{BEST_GAME_FILE, EVALUATION_FILE};
use crate::run::history::RunHistory;
use crate::run::rows::RecentReturns;
use crate::saving::sealed_file;
use crate::system::files;
use crate::text::output::print;
use crate::text::{clock, with_commas};
use anyhow::{Context, Result};
use base64::prelude::{Engine, BASE64_STANDARD};
use candle_core::Device;
use maud::{html, Markup, PreEscaped, DOCTYPE};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The page, in a run's folder.
const REPORT_FILE: &str = "report.html";

const STYLE: &str = "
:root { color-scheme: light; }
body { font: 17px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
.wide { overflow-x: auto; }
svg { max-width: 100%; height: auto; }
img { width: 100%; max-width: 24rem; image-rendering: pixelated; }
.small { font-size: .88em; color: #555; }
summary { cursor: pointer; padding: .4rem 0; }
";

/// Writes the page about the run in `folder` to `file`, or into the folder.
///
/// # Errors
/// When a file of the run cannot be read, or the page cannot be written.
pub fn write(folder: &Path, file: Option<&Path>) -> Result<()> {
    let run = RunHistory::read(folder)?;
    if let Some(warning) = &run.warning {
        warn!("warning: {warning}");
    }
    let page = page(&run)?;
    let path = file.map_or_else(|| folder.join(REPORT_FILE), Path::to_path_buf);
    match file {
        Some(_) => fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?,
        // Nobody named this file, so a link of its name is not followed.
        None => sealed_file::write_atomically(&path, &[page.as_bytes()])?,
    }
    print(&format!("{}\n", path.display()))
}

/// The page about a run.
///
/// # Errors
/// When a file of the run cannot be read. A run that has no curves yet has a page without them.
pub fn page(run: &RunHistory) -> Result<String> {
    let evaluation = run.final_evaluation()?;
    let seed = run.seed().map_or(String::new(), |seed| format!(", seed {seed}"));
    let title = format!("{}: {}{seed}", run.game, run.preset);
    let curves = if run.games.is_empty() && run.progress.is_empty() && run.evaluations.is_empty() {
        None
    } else {
        Some(curves::figure(std::slice::from_ref(run), HorizontalAxis::Steps)?.svg()?)
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                (facts(run))
                (best_game(run)?)
                (learned(run)?)
                h2 { "Evaluation after training" }
                @match &evaluation {
                    Some(evaluation) => (evaluation_section(evaluation)),
                    None => p { "There is none: no " code { (EVALUATION_FILE) } " in the run's folder." },
                }
                h2 { "Learning curves" }
                @match &curves {
                    // `Figure::svg` escapes every text.
                    Some(svg) => (PreEscaped(svg)),
                    None => p { "There is nothing to draw yet." },
                }
                h2 { "Configuration" }
                (configuration(run))
                p.small { "Made by atari-dqn " (env!("CARGO_PKG_VERSION")) " from the files of the run." }
            }
        }
    };
    Ok(page.into_string())
}

fn facts(run: &RunHistory) -> Markup {
    let last = run.last_moment();
    let total = run.config.get("total_steps").and_then(toml::Value::as_integer);
    let recent = run.games.iter().rev().take(RecentReturns::WINDOW).map(|game| game.score).collect::<Vec<_>>();
    html! {
        table {
            tr { th { "Game" } td { (run.game) } }
            @if !run.cartridge_md5.is_empty() {
                tr { th { "Cartridge, MD5" } td { code { (run.cartridge_md5) } } }
            }
            tr { th { "Preset" } td { (run.preset) } }
            tr {
                th { "Trained" }
                td {
                    (with_commas(last.step)) " steps"
                    @if let Some(total) = total { " of " (with_commas(total.unsigned_abs())) }
                    ", " (with_commas(last.step.saturating_mul(run.frame_skip()))) " frames"
                }
            }
            tr { th { "Wall time" } td { (clock(last.wall_seconds)) } }
            tr { th { "Training games" } td { (with_commas(run.games.len() as u64)) } }
            @if !recent.is_empty() {
                tr {
                    th { "Their mean score" }
                    td { (decimal(recent.iter().sum::<f64>() / recent.len() as f64)) " (the last " (recent.len()) ")" }
                }
            }
        }
    }
}

/// What a run in a classic environment has learned, as a picture: of a table its values, of a policy network its probabilities at the
/// start of an episode. Nothing for other networks, and where the table's states are not those of the environment.
fn learned(run: &RunHistory) -> Result<Markup> {
    let path = run.folder.join(MODEL_FILE);
    // The cartridge of a game may be away, and nothing of it is drawn.
    if !run.cartridge_md5.is_empty() || !path.is_file() {
        return Ok(html! {});
    }
    let OpenModel { model, spec, .. } = model::open(Some(&path), None)?;
    let mut policy = Policy::of(&model.learned, &Device::Cpu)?;
    let Some(mut task) = spec.as_classic().map(ClassicSpec::task) else { return Ok(html! {}) };
    let (scene, words) = match policy.table_values() {
        Some(values) => (task.scene_of_values(&values, false), "The value of each state, and the best actions."),
        None => {
            let mut observation = task.space().observations(1);
            task.reset(&mut NumpyRandom::new(0));
            task.observe(observation.place());
            let Some(probabilities) = policy.probabilities(observation.seen())? else { return Ok(html! {}) };
            let mut scene = task.scene();
            bars::add(&mut scene, &task.actions(), probabilities);
            (Some(scene), "The start of an episode, and the probability of each action.")
        }
    };
    let Some(scene) = scene else { return Ok(html! {}) };
    Ok(html! {
        h2 { "What it has learned" }
        // `Scene::svg` escapes every text.
        (PreEscaped(scene.svg()))
        p.small { (words) }
    })
}

fn best_game(run: &RunHistory) -> Result<Markup> {
    let path = run.folder.join(BEST_GAME_FILE);
    if !path.is_file() {
        return Ok(html! {});
    }
    let bytes =
        files::read(&path, files::LONGEST_DESCRIPTION).with_context(|| format!("cannot read {}", path.display()))?;
    let source = format!("data:image/gif;base64,{}", BASE64_STANDARD.encode(bytes));
    Ok(html! {
        h2 { "The best game of the evaluation" }
        img src=(source) alt=(format!("A recording of a game of {} by the trained agent", run.game));
    })
}

/// The two reports that `train` writes, of the trained network and of the random policy, side by side.
fn evaluation_section(evaluation: &Value) -> Markup {
    let players: Vec<(&str, &Value)> =
        ["trained", "random"].into_iter().filter_map(|name| Some((name, evaluation.get(name)?))).collect();
    let number =
        |value: &Value, path: &str| value.pointer(path).and_then(Value::as_f64).map_or("-".to_string(), decimal);
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_string);
    html! {
        @if players.is_empty() {
            p { code { (EVALUATION_FILE) } " holds neither \u{201c}trained\u{201d} nor \u{201c}random\u{201d}." }
        } @else {
            div.wide {
                table {
                    tr {
                        th { "" }
                        @for heading in ["games", "mean", "95 % interval", "median", "lowest", "highest", "human-normalised"] {
                            th.number { (heading) }
                        }
                    }
                    @for (name, report) in &players {
                        tr {
                            th { (name) }
                            td.number { (number(report, "/summary/episodes")) }
                            td.number { (number(report, "/summary/mean")) }
                            td.number {
                                @match report.get("summary").and_then(curves::summary_interval) {
                                    Some((low, high)) => { (decimal(low)) " to " (decimal(high)) },
                                    None => "-",
                                }
                            }
                            td.number { (number(report, "/summary/median")) }
                            td.number { (number(report, "/summary/min")) }
                            td.number { (number(report, "/summary/max")) }
                            td.number {
                                @match report.pointer("/summary/human_normalised_percent").and_then(Value::as_f64) {
                                    Some(percent) => { (decimal(percent)) " %" },
                                    None => "-",
                                }
                            }
                        }
                    }
                }
            }
            @for (name, report) in &players {
                @if let Some(words) = text(report, "/protocol_in_words") { p.small { (name) ": " (words) "." } }
            }
            @if let Some(source) = players.iter().find_map(|(_, report)| text(report, "/summary/reference/source")) {
                p.small { "Human-normalised: 0 % is the random agent, 100 % the human of " (source) "." }
            }
            @if let Some(episodes) = evaluation.pointer("/trained/episodes").and_then(Value::as_array) {
                details {
                    summary { "Every game of the trained network" }
                    div.wide { (episode_table(episodes)) }
                }
            }
        }
    }
}

fn episode_table(episodes: &[Value]) -> Markup {
    let columns = [
        ("seed", "seed"),
        ("noops", "no-ops"),
        ("frames", "frames"),
        ("score", "score"),
        ("lives_ended", "lives ended"),
        ("truncated", "cut off"),
    ];
    html! {
        table {
            tr { @for (_, heading) in columns { th.number { (heading) } } }
            @for episode in episodes {
                tr {
                    @for (key, _) in columns {
                        td.number {
                            @match episode.get(key) {
                                Some(Value::Bool(true)) => "yes",
                                Some(Value::Bool(false)) => "no",
                                Some(Value::Null) | None => "-",
                                Some(value) => (value.to_string()),
                            }
                        }
                    }
                }
            }
        }
    }
}

fn configuration(run: &RunHistory) -> Markup {
    let value = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) if *number >= 0 => with_commas(number.unsigned_abs()),
        value => value.to_string(),
    };
    html! {
        details {
            summary { (run.config.len()) " settings" }
            table {
                @for (key, setting) in &run.config {
                    tr { td { code { (key) } } td.number { (value(setting)) } }
                }
            }
        }
    }
}

fn decimal(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::history::tests::{fake_rows, fake_run};

    #[test]
    fn a_page_holds_everything_and_asks_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fake_run(
            folder.path(),
            "pong",
            7,
            "total_steps = 5000\nlearning_rate = 1e-4",
            &fake_rows(40, |game| game as f64),
        );
        fs::write(folder.path().join(BEST_GAME_FILE), b"GIF89a").unwrap();
        let summary = serde_json::json!({
            "episodes": 2, "mean": 12.5, "mean_95_percent_interval": [10.0, 15.0], "median": 12.5, "min": 10.0, "max": 15.0,
            "human_normalised_percent": 110.7, "reference": { "random": -20.7, "human": 9.3, "source": "a <paper> & co" }
        });
        let game = serde_json::json!({ "seed": 7, "noops": 3, "frames": 1234, "score": 15, "lives_ended": 0, "truncated": true });
        let report = serde_json::json!({ "summary": summary, "episodes": [game], "protocol_in_words": "2 games" });
        let evaluation = serde_json::json!({ "trained": report, "random": report });
        fs::write(folder.path().join(EVALUATION_FILE), evaluation.to_string()).unwrap();
        write(folder.path(), None).unwrap();
        let page = fs::read_to_string(folder.path().join(REPORT_FILE)).unwrap();
        for part in [
            "<title>pong: nature, seed 7</title>",
            "abc123",
            "4,000 steps of 5,000, 16,000 frames",
            "0:40 min",
            "data:image/gif;base64,R0lGODlh",
            "<svg",
            "<td class=\"number\">12.5</td>",
            "110.7 %",
            "a &lt;paper&gt; &amp; co",
            "<td class=\"number\">1234</td>",
            "<code>learning_rate</code>",
            "width=device-width",
        ] {
            assert!(page.contains(part), "no {part} in {page}");
        }
        let links = page.replace("http://www.w3.org/", "");
        for request in ["http:", "https:", "src=\"/", "<script", "<link", "url(", "@import"] {
            assert!(!links.contains(request), "{request}");
        }
    }

    #[test]
    fn a_run_that_has_just_begun_and_has_an_odd_name_has_a_page_too() {
        let folder = tempfile::tempdir().unwrap();
        fake_run(folder.path(), "<script>\"x\"</script>", 7, "", "");
        let page = page(&RunHistory::read(folder.path()).unwrap()).unwrap();
        assert!(page.contains("There is nothing to draw yet") && page.contains("There is none: no <code>"), "{page}");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
    }

    #[test]
    fn an_evaluation_that_is_no_json_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        fake_run(folder.path(), "pong", 7, "", "");
        fs::write(folder.path().join(EVALUATION_FILE), "{").unwrap();
        let message = page(&RunHistory::read(folder.path()).unwrap()).unwrap_err().to_string();
        assert!(message.contains("evaluation.json is not JSON"), "{message}");
    }
}
