//! Evaluations of a run: during training, and after it.

use crate::config::Config;
use crate::environments::{EnvironmentSpec, Spec};
use crate::evaluation::{self, Baseline, Contestant, EvaluationReport, Protocol};
use crate::policy::model::{self, Model};
use crate::policy::Policy;
use crate::run::folder::{BEST_GAME_FILE, EVALUATION_FILE};
use crate::run::stoppable::stoppable;
use crate::saving::sealed_file;
use anyhow::{Context, Result};
use candle_core::Device;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Evaluations during training play other games than the evaluation after it.
const EVALUATION_SEED_OFFSET: u64 = 1_000_000;

/// Plays with the best network and with the random policy, prints and writes both results, and records the best game.
///
/// # Errors
/// When there is no network, the device fails or a file cannot be written.
pub fn final_evaluation(
    config: &Config,
    spec: &Spec,
    folder: &Path,
    device: &Device,
    stop: &Arc<AtomicBool>,
) -> Result<()> {
    if config.run.final_evaluation_episodes == 0 {
        return Ok(());
    }
    let spec = &stoppable(spec, stop);
    let path = model::find(Some(folder))?;
    let model = Model::load(&path)?;
    let mut protocol = evaluation_protocol(config, &**spec);
    protocol.episodes = config.run.final_evaluation_episodes;
    say!("playing {} games with {} and as many at random ...", protocol.episodes, path.display());
    if let Some(chosen) = model.metadata.chosen {
        say!("it was {}", chosen.in_words());
    }
    let trained = Contestant::model(&model, &path, Arc::clone(spec), device)?;
    let random = Contestant::baseline(&**spec, Baseline::Random)?;
    let play = |contestant: &Contestant| -> Result<Option<EvaluationReport>> {
        let report = evaluation::evaluate(contestant, &protocol, evaluation::default_workers(), stop)?;
        Ok(report.filter(|report| report.complete && !stop.load(Ordering::Relaxed)))
    };
    let (Some(trained_report), Some(random_report)) = (play(&trained)?, play(&random)?) else {
        say!(
            "stopped; the evaluation is not complete; continue it with: atari-dqn train --resume {}",
            folder.display()
        );
        return Ok(());
    };

    say!("\n{:>10} {:>8} {:>8} {:>8} {:>8}   95 % interval of the mean", "", "mean", "median", "lowest", "highest");
    for (name, report) in [("trained", &trained_report), ("random", &random_report)] {
        let summary = &report.summary;
        say!(
            "{name:>10} {:>8.1} {:>8.1} {:>8.0} {:>8.0}   {}",
            summary.mean,
            summary.median,
            summary.min,
            summary.max,
            summary.interval_in_words()
        );
    }
    if let Some(percent) = trained_report.summary.human_normalized_percent {
        say!("human-normalised: {percent:.1} %");
    }
    say!("protocol: {}", trained_report.protocol_in_words);

    let gif = folder.join(BEST_GAME_FILE);
    let recorded = evaluation::record_game(&trained, &protocol, trained_report.best_game(), &gif, stop)?;
    // Last: with it the run counts as evaluated.
    let both = serde_json::json!({ "trained": trained_report, "random": random_report });
    let json = serde_json::to_string_pretty(&both).context("cannot write the evaluation as JSON")?;
    sealed_file::write_atomically(&folder.join(EVALUATION_FILE), &[json.as_bytes(), b"\n"])?;
    match recorded {
        Some(score) => say!("the best of these games, score {score}: {}", gif.display()),
        None => {
            // It was just made, and shows the game's beginning only.
            let _ = std::fs::remove_file(&gif);
            say!("stopped while the best game was recorded; everything else is complete");
            return Ok(());
        }
    }
    say!("watch it play: atari-dqn play {}", folder.display());
    Ok(())
}

fn evaluation_protocol(config: &Config, spec: &dyn EnvironmentSpec) -> Protocol {
    let training = spec.conditions(config.run.seed);
    Protocol {
        episodes: 1,
        epsilon: config.run.evaluation_epsilon,
        max_episode_frames: config.run.evaluation_max_episode_frames,
        noop_max: training.noop_max,
        sticky_probability: training.sticky_probability,
        seed: training.seed,
    }
}

/// Evaluations during training: the same whole games every time, as many as fit in a number of steps.
pub struct TrainingEvaluation {
    spec: Spec,
    protocol: Protocol,
    steps: u64,
    stop: Arc<AtomicBool>,
}

impl TrainingEvaluation {
    /// The evaluations that `config` describes, in the environment of `spec`, until `stop` is set.
    pub fn new(config: &Config, spec: &Spec, stop: &Arc<AtomicBool>) -> Self {
        let mut protocol = evaluation_protocol(config, &**spec);
        protocol.seed = protocol.seed.wrapping_add(EVALUATION_SEED_OFFSET);
        Self { spec: stoppable(spec, stop), protocol, steps: config.run.evaluation_steps, stop: Arc::clone(stop) }
    }

    /// Games played and their mean return; `None` if they were stopped.
    ///
    /// # Errors
    /// When the policy's device fails.
    pub fn play(&self, policy: &Policy) -> Result<Option<(u64, f64)>> {
        let played = evaluation::mean_return(&*self.spec, &mut policy.share(), &self.protocol, self.steps)?;
        Ok(Some(played).filter(|_| !self.stop.load(Ordering::Relaxed)))
    }
}
