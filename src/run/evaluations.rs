//! Evaluations of a run: single ones during training, and the one after it.

use crate::commands::BaselinePolicy;
use crate::config::Config;
use crate::environments::cartridges::LoadedRom;
use crate::evaluation::{self, Contestant, Protocol, Report, Setting};
use crate::policy::model::Checkpoint;
use crate::policy::{Player, Policy};
use crate::run::folder::{BEST_GAME_FILE, EVALUATION_FILE};
use crate::saving::sealed_file;
use anyhow::{Context, Result};
use candle_core::Device;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Evaluations during training play other games than the one after it.
const EVALUATION_SEED_OFFSET: u64 = 1_000_000;

/// Plays with the best network and with the random policy, prints and writes both results, and records the best game.
///
/// # Errors
/// When there is no network, the device fails or a file cannot be written.
pub fn final_evaluation(
    config: &Config,
    rom: &LoadedRom,
    setting: &Setting,
    folder: &Path,
    device: &Device,
    stop: &AtomicBool,
) -> Result<()> {
    if config.run.final_evaluation_episodes == 0 {
        return Ok(());
    }
    let path = crate::policy::model::find(Some(folder))?;
    let checkpoint = Checkpoint::load(&path)?;
    let mut protocol = evaluation_protocol(config);
    protocol.episodes = config.run.final_evaluation_episodes;
    say!("playing {} games with {} and as many at random ...", protocol.episodes, path.display());
    let trained = evaluation::network_contestant(&checkpoint, &path, config.run.evaluation_epsilon, device)?;
    let random = evaluation::baseline_contestant(BaselinePolicy::Random);
    let random_setting = evaluation::baseline_setting(rom, BaselinePolicy::Random);
    let play = |setting: &Setting, contestant: &Contestant| -> Result<Option<Report>> {
        evaluation::evaluate(setting, contestant, &protocol, evaluation::default_workers(), stop)
    };
    let (Some(trained_report), Some(random_report)) = (play(setting, &trained)?, play(&random_setting, &random)?)
    else {
        say!(
            "stopped; the evaluation is not complete; go on with it with: atari-dqn train --resume {}",
            folder.display()
        );
        return Ok(());
    };
    let both = serde_json::json!({ "trained": trained_report, "random": random_report });
    let json = serde_json::to_string_pretty(&both).context("cannot write the evaluation as JSON")?;
    sealed_file::write_atomically(&folder.join(EVALUATION_FILE), &[json.as_bytes(), b"\n"])?;

    say!("\n{:>10} {:>8} {:>8} {:>8} {:>8}   95 % interval of the mean", "", "mean", "median", "lowest", "highest");
    for (name, report) in [("trained", &trained_report), ("random", &random_report)] {
        let summary = &report.summary;
        let [low, high] = summary.mean_95_percent_interval;
        say!(
            "{name:>10} {:>8.1} {:>8.1} {:>8.0} {:>8.0}   {low:.1} to {high:.1}",
            summary.mean,
            summary.median,
            summary.min,
            summary.max
        );
    }
    if let Some(percent) = trained_report.summary.human_normalised_percent {
        say!("human-normalised: {percent:.1} %");
    }
    say!("protocol: {}", trained_report.protocol_in_words);

    let best =
        (0..protocol.episodes).max_by_key(|&i| (trained_report.episodes[i as usize].score, std::cmp::Reverse(i)));
    let gif = folder.join(BEST_GAME_FILE);
    let score = evaluation::record_game(setting, trained.policy, &protocol, best.unwrap_or(0), &gif)?;
    say!("the best of these games, score {score}: {}", gif.display());
    say!("watch it play: atari-dqn play {}", folder.display());
    Ok(())
}

fn evaluation_protocol(config: &Config) -> Protocol {
    Protocol {
        episodes: 1,
        epsilon: config.run.evaluation_epsilon,
        max_episode_frames: config.run.evaluation_max_episode_frames,
        noop_max: config.atari().noop_max,
        sticky_probability: config.atari().sticky_probability as f32,
        seed: config.run.seed,
    }
}

/// Evaluates during training: plays whole games until a number of steps is used up, the same games every time.
pub struct TrainingEvaluation {
    setting: Setting,
    protocol: Protocol,
    frame_skip: u32,
    steps: u64,
    device: Device,
}

impl TrainingEvaluation {
    /// As `config` describes it.
    pub fn new(config: &Config, setting: &Setting, device: &Device) -> Self {
        let mut protocol = evaluation_protocol(config);
        protocol.seed = protocol.seed.wrapping_add(EVALUATION_SEED_OFFSET);
        Self {
            setting: setting.clone(),
            protocol,
            frame_skip: config.atari().frame_skip,
            steps: config.run.evaluation_steps,
            device: device.clone(),
        }
    }

    /// Games played and their mean return; a game that is not finished when the steps are used up does not count, unless it is
    /// the first.
    ///
    /// # Errors
    /// When the device fails.
    pub fn play(&self, policy: &Policy) -> Result<(u64, f64)> {
        let player = Player::new(&policy.parameters()?, self.protocol.epsilon, &self.device)?;
        let mut policy = evaluation::Policy::Network(player);
        let (mut games, mut sum, mut steps) = (0u64, 0i64, 0u64);
        while steps < self.steps {
            let episode = evaluation::play_game(&self.setting, &mut policy, &self.protocol, games as u32, |_| ())?;
            steps += u64::from(episode.frames.div_ceil(self.frame_skip).max(1));
            if steps <= self.steps || games == 0 {
                games += 1;
                sum += episode.score;
            }
        }
        Ok((games, sum as f64 / games as f64))
    }
}
