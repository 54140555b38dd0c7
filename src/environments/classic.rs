//! Classic environments as an [`Environment`]: a [`Task`], its limit of steps, and the random numbers that Gymnasium gives it.

use crate::classics::numpy_random::NumpyRandom;
use crate::classics::pictures::bars;
use crate::classics::{self, Maker, Rule, Task};
use crate::config::ClassicKeys;
use crate::drawing::color_table::ColorTable;
use crate::drawing::scene::Scene;
use crate::drawing::Picture;
use crate::environments::{Conditions, Description, Environment, EnvironmentSpec, Spec, Step, Thoughts};
use crate::observations::{Place, Space};
use crate::random::{Generator, Purpose};
use anyhow::{anyhow, ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Everything from which a [`Classic`] is made.
#[derive(Clone)]
pub struct ClassicSpec {
    keys: ClassicKeys,
    maker: Maker,
    space: Space,
    actions: usize,
}

impl fmt::Debug for ClassicSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClassicSpec").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl ClassicSpec {
    /// The environment that these keys ask for.
    ///
    /// # Errors
    /// When it cannot be made from them, e.g. because a file is missing.
    pub fn of(keys: &ClassicKeys) -> Result<Self> {
        let definition = keys.options.definition;
        let maker = (definition.make)(&keys.options).with_context(|| format!("the environment {}", definition.name))?;
        let task = maker();
        Ok(Self { keys: keys.clone(), maker, space: task.space(), actions: task.actions().len() })
    }

    /// The environment that a model's file describes.
    ///
    /// # Errors
    /// When the description lacks something, or the environment is no longer the same.
    pub fn described(name: &str, description: &Description) -> Result<Self> {
        let definition = classics::definition(name).with_context(|| format!("there is no environment `{name}`"))?;
        let mut keys = ClassicKeys::usual(definition);
        for (key, value) in description {
            let Some(key) = key.strip_prefix(KEY) else { continue };
            let value = format!("v = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("v"));
            let value = value.with_context(|| format!("its metadata have a value of `{key}` that cannot be read"))?;
            keys.assign(key, value).map_err(|fault| anyhow!("its metadata: {key}: {fault}"))?;
        }
        let spec = Self::of(&keys)?;
        let said = space_and_actions(description)?;
        ensure!(
            said == (spec.space, spec.actions),
            "it was trained on {} with {} actions, and {name} has {} with {}",
            said.0,
            said.1,
            spec.space,
            spec.actions
        );
        Ok(spec)
    }

    /// A task of this environment, without limit and generator.
    pub fn task(&self) -> Box<dyn Task> {
        (self.maker)()
    }

    /// The rule that a person wrote for it, if there is one.
    pub fn rule(&self) -> Option<Rule> {
        self.keys.options.definition.rule
    }

    /// Steps after which an episode is truncated.
    pub fn limit(&self) -> Option<u32> {
        self.keys.limit()
    }

    /// The same if a caller cuts episodes off after `most` steps; 0: never.
    pub fn limit_of(&self, most: u32) -> Option<u32> {
        match most {
            0 => self.limit(),
            most => Some(self.limit().map_or(most, |limit| limit.min(most))),
        }
    }

    fn environment(&self, seed: u64, limit: Option<u32>) -> Box<dyn Environment> {
        Box::new(Classic::new(self.task(), seed, limit))
    }
}

/// Before the names of keys in a description.
const KEY: &str = "environment.";

/// The observations and the number of actions that a model's file describes.
///
/// # Errors
/// When it does not.
pub fn space_and_actions(description: &Description) -> Result<(Space, usize)> {
    let said = |key: &str| description.get(key).with_context(|| format!("its metadata lack `{key}`"));
    let count = |key: &str| -> Result<usize> {
        let text = said(key)?;
        text.parse().with_context(|| format!("its metadata have `{key}` = `{text}`, expected was a number"))
    };
    let space = match said("observations")?.as_str() {
        "numbers" => Space::Numbers(count("observation_size")?),
        "states" => Space::States(count("observation_size")?),
        other => anyhow::bail!("its metadata have `observations` = `{other}`, expected was numbers or states"),
    };
    Ok((space, count("actions")?))
}

impl EnvironmentSpec for ClassicSpec {
    fn name(&self) -> &str {
        self.keys.options.definition.name
    }

    fn actions(&self) -> usize {
        self.actions
    }

    fn make_for_training(&self, seed: u64, index: usize) -> Box<dyn Environment> {
        let seed = match index {
            0 => seed,
            index => Generator::numbered(seed, Purpose::Environments, index as u64).bits(),
        };
        self.environment(seed, self.limit())
    }

    fn make(&self, conditions: &Conditions) -> Box<dyn Environment> {
        self.environment(conditions.seed, self.limit_of(conditions.max_episode_frames))
    }

    fn conditions(&self, seed: u64) -> Conditions {
        Conditions { seed, max_episode_frames: self.limit().unwrap_or(0), noop_max: 0, sticky_probability: 0.0 }
    }

    fn for_baseline(&self, _: u32) -> Spec {
        Arc::new(self.clone())
    }

    fn description(&self) -> Description {
        let (kind, size) = match self.space {
            Space::States(count) => ("states", count),
            space => ("numbers", space.size()),
        };
        let own = [
            ("environment", self.name().to_string()),
            ("observations", kind.to_string()),
            ("observation_size", size.to_string()),
            ("actions", self.actions.to_string()),
        ];
        let own = own.into_iter().map(|(key, value)| (key.to_string(), value));
        let keys = self.keys.in_toml().into_iter();
        own.chain(keys.map(|(key, value)| (format!("{KEY}{key}"), value.to_string()))).collect()
    }

    fn as_classic(&self) -> Option<&ClassicSpec> {
        Some(self)
    }
}

/// A classic environment.
pub struct Classic {
    task: Box<dyn Task>,
    space: Space,
    actions: usize,
    limit: Option<u32>,
    random: NumpyRandom,
    steps: u64,
    /// Indices of the colors in the table, which the first picture determines.
    pixels: Vec<u8>,
    colors: Option<ColorTable>,
    /// The pixels of scenes that a table showed, by their SVG: its states come again, and painting one takes
    /// several milliseconds.
    shown: HashMap<String, Vec<u8>>,
}

/// Most pictures that are kept, of 300 kB or so.
const MOST_SHOWN: usize = 128;

/// The state that its future depends on.
#[derive(Serialize, Deserialize)]
struct ClassicState {
    task: Vec<u8>,
    random: NumpyRandom,
    steps: u64,
}

impl Classic {
    /// The task before its first reset, with Gymnasium's random numbers for this seed.
    pub fn new(task: Box<dyn Task>, seed: u64, limit: Option<u32>) -> Self {
        let (space, actions) = (task.space(), task.actions().len());
        let random = NumpyRandom::new(seed);
        Self { task, space, actions, limit, random, steps: 0, pixels: Vec::new(), colors: None, shown: HashMap::new() }
    }
}

impl Classic {
    fn paint(&mut self, scene: &Scene) -> Option<Picture<'_>> {
        let svg = scene.svg();
        match self.shown.get(&svg) {
            Some(pixels) => self.pixels.clone_from(pixels),
            None => {
                let painted = scene.paint().ok()?;
                self.colors.get_or_insert_with(|| ColorTable::of(&painted)).indices(&painted, &mut self.pixels);
                if matches!(self.space, Space::States(_)) {
                    if self.shown.len() >= MOST_SHOWN {
                        self.shown.clear();
                    }
                    self.shown.insert(svg, self.pixels.clone());
                }
            }
        }
        Some(Picture {
            pixels: &self.pixels,
            width: scene.width as usize,
            height: scene.height as usize,
            colors: self.colors.as_ref()?.colors(),
            pixel_width: 1,
            frames_per_second: self.task.steps_per_second(),
        })
    }
}

impl Environment for Classic {
    fn space(&self) -> Space {
        self.space
    }

    fn actions(&self) -> usize {
        self.actions
    }

    fn reset(&mut self, _: &mut Generator, place: Place<'_>) -> u32 {
        self.task.reset(&mut self.random);
        self.steps = 0;
        self.task.observe(place);
        0
    }

    fn step(&mut self, action: usize, place: Place<'_>) -> Step {
        let outcome = self.task.step(action, &mut self.random);
        self.steps += 1;
        self.task.observe(place);
        let limited = self.limit.is_some_and(|limit| self.steps >= u64::from(limit));
        Step {
            reward: outcome.reward as f32,
            raw_reward: outcome.reward,
            terminal: outcome.terminated,
            lives_lost: 0,
            over: outcome.terminated || limited,
            truncated: limited && !outcome.terminated,
        }
    }

    fn picture(&mut self) -> Option<Picture<'_>> {
        self.paint(&self.task.scene())
    }

    fn picture_with(&mut self, thoughts: Thoughts<'_>) -> Option<Picture<'_>> {
        let scene = match thoughts {
            Thoughts::Values(values) => self.task.scene_of_values(values, true).unwrap_or_else(|| self.task.scene()),
            Thoughts::Probabilities(probabilities) => {
                let mut scene = self.task.scene();
                bars::add(&mut scene, &self.task.actions(), probabilities);
                scene
            }
        };
        self.paint(&scene)
    }

    fn episode_frames(&self) -> u64 {
        self.steps
    }

    fn state(&self) -> Vec<u8> {
        let state = ClassicState { task: self.task.state(), random: self.random.clone(), steps: self.steps };
        // Numbers and bytes can always be written.
        postcard::to_stdvec(&state).unwrap_or_default()
    }

    fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()> {
        let state: ClassicState = postcard::from_bytes(state).context("it is no state of a classic environment")?;
        self.task.restore(&state.task)?;
        (self.random, self.steps) = (state.random, state.steps);
        self.task.observe(place);
        Ok(())
    }

    fn task(&self) -> Option<&dyn Task> {
        Some(&*self.task)
    }
}
