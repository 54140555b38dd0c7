//! Networks: safetensors files with this program's metadata.

use crate::fuzzing::{Mutator, Parser};
use atari_dqn::config::{self, NetworkKind, NormKind};
use atari_dqn::environments;
use atari_dqn::networks::head::{Head, Support};
use atari_dqn::networks::{Architecture, Design, Parameters};
use atari_dqn::observations::{Seen, Space};
use atari_dqn::policy::model::{Learned, Metadata, Model};
use atari_dqn::policy::Policy;
use atari_dqn::random::{Generator, Purpose};
use candle_core::Device;
use serde_json::Value;

/// Bytes before the header: its length.
const LENGTH: usize = 8;

/// Networks of all designs.
pub struct Networks {
    samples: Vec<Vec<u8>>,
}

impl Networks {
    /// Of the built-in game.
    pub fn new() -> Self {
        let plain = NetworkKind::Small.plain();
        let cpu = NetworkKind::Cpu.plain();
        let categorical = Head::Categorical(Support { atoms: 11, value_min: -10.0, value_max: 10.0 });
        let designs = [
            plain,
            cpu,
            Design { dueling: true, noisy: true, ..plain },
            Design { head: categorical, dueling: true, ..cpu },
            Design { norm: NormKind::Channels, ..cpu },
        ];
        let environment = environments::spec(&config::EnvironmentKeys::default(), None).unwrap().description();
        let (space, actions) = environments::space_and_actions(&environment).unwrap();
        let sample = |design| {
            let architecture = Architecture::new(design, space, actions).unwrap();
            let parameters = Parameters::initial(architecture, &mut Generator::new(1, Purpose::Weights));
            let environment = environment.clone();
            let metadata =
                Metadata { environment, preset: "bricks".to_string(), seed: 0, steps_trained: 1_000, chosen: None };
            Model { metadata, learned: Learned::Network(parameters) }.to_bytes().unwrap()
        };
        Self { samples: designs.map(sample).to_vec() }
    }
}

/// The header as text, and the tensors.
fn parts(file: &[u8]) -> (&[u8], &[u8]) {
    let length = u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    file[LENGTH..].split_at(length)
}

fn joined(header: &[u8], tensors: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header, tensors].concat()
}

/// All values in `value` that are no objects or lists.
fn leaves(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Object(members) => members.values_mut().flat_map(leaves).collect(),
        Value::Array(items) => items.iter_mut().flat_map(leaves).collect(),
        leaf => vec![leaf],
    }
}

/// Another value of the same type; texts that hold a number get another number.
fn changed(leaf: &Value, random: &mut Mutator) -> Value {
    let mut text = leaf.as_str().map_or_else(|| leaf.to_string(), str::to_string).into_bytes();
    let number = random.extreme(1_000).to_string();
    match random.below(4) {
        0 => text = number.into_bytes(),
        1 => text = format!("-{number}").into_bytes(),
        _ => random.text(&mut text, b"0.5 small nature mlp channels true bilinear atari breakout"),
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    match leaf {
        Value::Number(_) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        _ => Value::String(text),
    }
}

impl Parser for Networks {
    fn make(&mut self, random: &mut Mutator) -> Vec<u8> {
        let mut file = random.choose(&self.samples).clone();
        let other = random.choose(&self.samples);
        let (header, tensors) = parts(&file);
        match random.below(8) {
            0 => random.bytes(&mut file, other),
            1 => {
                let value = random.extreme(file.len());
                random.put(&mut file, 0, LENGTH, value);
            }
            2 => {
                let mut header = header.to_vec();
                random.text(&mut header, parts(other).0);
                return joined(&header, tensors);
            }
            3 => {
                let mut values = tensors.to_vec();
                for _ in 0..=random.below(20) {
                    let bits = *random.choose(&[f32::NAN, f32::INFINITY, -3e38, 3e38, 1e-45, -0.0]);
                    let at = 4 * random.below(values.len() / 4);
                    random.put(&mut values, at, 4, bits.to_bits().into());
                }
                return joined(header, &values);
            }
            _ => {
                let mut object: Value = serde_json::from_slice(header).unwrap();
                for _ in 0..=random.below(3) {
                    let about_training = random.one_in(2);
                    let part = if about_training { &mut object["__metadata__"] } else { &mut object };
                    let mut leaves = leaves(part);
                    let leaf = random.below(leaves.len());
                    *leaves[leaf] = changed(leaves[leaf], random);
                }
                let tensors = if random.one_in(4) { &tensors[..random.below(tensors.len())] } else { tensors };
                return joined(&serde_json::to_vec(&object).unwrap(), tensors);
            }
        }
        file
    }

    fn read(&mut self, file: &[u8]) -> bool {
        let Ok(model) = Model::from_bytes(file) else { return false };
        // The game may be another one now.
        let _ = environments::open(&model.metadata.environment, Some("bricks"));
        let _ = environments::open(&model.metadata.environment, None);
        let Learned::Network(parameters) = &model.learned else { return true };
        let architecture = &parameters.architecture;
        let Space::Pixels { .. } = architecture.space else { return true };
        let observation = vec![100; architecture.space.size()];
        let mut policy = Policy::network(parameters, &Device::Cpu).unwrap();
        let values = policy.values(Seen::Pixels(&observation)).unwrap();
        assert_eq!(values.map(<[f32]>::len), Some(architecture.actions));
        assert!(Model::from_bytes(&model.to_bytes().unwrap()).is_ok(), "what was read can be written and read");
        true
    }
}
