//! Models: trained networks, with PyTorch's shapes, and tables in safetensors files. The file's metadata hold everything that is
//! needed to play as in training.
//!
//! A *model* plays; a run resumes from a *checkpoint*.

mod table;

use crate::environments::{self, Description, Spec};
use crate::files::foreign::{self, Class};
use crate::networks::head::{Head, Support};
use crate::networks::{
    finite, Activation, Architecture, Design, DuelingForm, NormKind, Parameters, Widths, NORM_EPSILON,
};
use crate::policy::table::Table;
use crate::saving::sealed_file;
use crate::system::files;
use crate::text::faults::plain;
use anyhow::{anyhow, bail, ensure, Context, Result};
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Version of the metadata's meaning; a file with another version is refused.
const FORMAT_VERSION: u32 = 1;
/// A file with more atoms than this is refused before any memory is allocated for them.
const MOST_ATOMS: usize = 100_000;
/// Longest file of a network, in bytes: the largest that this program makes has about 150 MB.
const LONGEST_FILE: u64 = 1 << 30;
/// Keys of the metadata that are not about the environment.
const OWN_KEYS: [&str; 21] = [
    "format_version",
    "program",
    "network",
    "layers",
    "activation",
    "head",
    "dueling",
    "dueling_form",
    "dueling_hidden",
    "noisy",
    "norm",
    "norm_epsilon",
    "preset",
    "seed",
    "steps_trained",
    "chosen_by",
    "chosen_games",
    "chosen_mean_return",
    "atoms",
    "value_min",
    "value_max",
];
/// The network as of the last checkpoint, in a run folder.
pub const MODEL_FILE: &str = "model.safetensors";
/// Fewest games whose mean can tell that a network is better than another. The mean of fewer is mostly chance.
pub const LEAST_GAMES: u64 = 10;
/// The best network of the run, in a run folder.
pub const BEST_FILE: &str = "best.safetensors";

/// What a network was trained on, and how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// The environment, as [`EnvironmentSpec::description`](environments::EnvironmentSpec::description) gives it.
    pub environment: Description,
    /// Name of the preset it was trained with.
    pub preset: String,
    /// Seed of the run.
    pub seed: u64,
    /// Agent steps trained.
    pub steps_trained: u64,
    /// Why it is the best network of its run; only the files of best networks say that, and not those of earlier versions.
    pub chosen: Option<Chosen>,
}

/// What the choice of a run's best network rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Chosen {
    /// The games.
    pub by: ChosenBy,
    /// Number of games.
    pub games: u64,
    /// Their mean return.
    pub mean_return: f64,
}

/// Games by which a run's best network is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// An evaluation during training.
    Evaluation,
    /// The last training games.
    TrainingGames,
}

impl Chosen {
    /// Whether there are [enough games](LEAST_GAMES) to tell.
    pub fn is_sound(&self) -> bool {
        self.games >= LEAST_GAMES
    }

    /// In words.
    pub fn in_words(&self) -> String {
        let games = match self.by {
            ChosenBy::Evaluation => "games of an evaluation during training",
            ChosenBy::TrainingGames => "training games",
        };
        let enough = if self.is_sound() { "" } else { ", too few to tell" };
        format!("chosen as the best by a mean return of {:.1} over {} {games}{enough}", self.mean_return, self.games)
    }
}

/// Something that an algorithm has learned to act by.
#[derive(Clone, Debug, PartialEq)]
pub enum Learned {
    /// A network.
    Network(Parameters),
    /// A table.
    Table(Arc<Table>),
}

/// A network or a table, and the metadata of its training.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// About it.
    pub metadata: Metadata,
    /// The network or the table.
    pub learned: Learned,
}

#[derive(Serialize)]
struct TensorEntry<'a> {
    dtype: &'a str,
    shape: &'a [usize],
    data_offsets: [usize; 2],
}

impl Model {
    /// Writes the file atomically: completely or not at all.
    ///
    /// # Errors
    /// When a parameter is not finite, or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        if let Learned::Network(Parameters { architecture, values }) = &self.learned {
            finite::ensure_parameters(architecture, values).with_context(|| {
                format!("learning has diverged, so {} is not written; try a smaller learning rate", path.display())
            })?;
        }
        sealed_file::write_atomically(path, &[&self.to_bytes()?])
    }

    /// The file's bytes. Serialized here because the safetensors crate writes metadata in random order, and the same run
    /// must give the same bytes.
    ///
    /// # Errors
    /// When the header cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut header = BTreeMap::from([("__metadata__".to_string(), serde_json::to_value(self.metadata_strings())?)]);
        let mut values = Vec::new();
        match &self.learned {
            Learned::Network(parameters) => {
                for spec in parameters.architecture.layout() {
                    let range = spec.range();
                    let data_offsets = [range.start * 4, range.end * 4];
                    let entry = TensorEntry { dtype: "F32", shape: &spec.shape, data_offsets };
                    header.insert(spec.name.clone(), serde_json::to_value(entry)?);
                }
                values.reserve_exact(4 * parameters.values.len());
                values.extend(parameters.values.iter().flat_map(|value| value.to_le_bytes()));
            }
            Learned::Table(table) => {
                for array in table::arrays(table) {
                    let begin = values.len();
                    values.extend(array.values.iter().flat_map(|value| value.to_le_bytes()));
                    let data_offsets = [begin, values.len()];
                    let entry = TensorEntry { dtype: "F64", shape: &array.shape, data_offsets };
                    header.insert(array.name.to_string(), serde_json::to_value(entry)?);
                }
            }
        }
        let mut header = serde_json::to_vec(&header)?;
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut bytes = Vec::with_capacity(8 + header.len() + values.len());
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header);
        bytes.extend(values);
        Ok(bytes)
    }

    fn metadata_strings(&self) -> BTreeMap<&str, String> {
        let metadata = &self.metadata;
        let mut strings: BTreeMap<&str, String> =
            metadata.environment.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        // The model's own keys come last: no environment can replace them.
        strings.extend([
            ("format_version", FORMAT_VERSION.to_string()),
            ("program", concat!("atari-dqn ", env!("CARGO_PKG_VERSION")).to_string()),
            ("preset", metadata.preset.clone()),
            ("seed", metadata.seed.to_string()),
            ("steps_trained", metadata.steps_trained.to_string()),
        ]);
        if let Some(Chosen { by, games, mean_return }) = metadata.chosen {
            strings
                .insert("chosen_by", if by == ChosenBy::Evaluation { "evaluation" } else { "training_games" }.into());
            strings.insert("chosen_games", games.to_string());
            strings.insert("chosen_mean_return", mean_return.to_string());
        }
        match &self.learned {
            Learned::Network(parameters) => strings.extend(network_strings(&parameters.architecture.design)),
            Learned::Table(table) => strings.extend(table::metadata(table)),
        }
        strings
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is not a model.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = files::read(path, LONGEST_FILE).with_context(|| format!("cannot read {}", path.display()))?;
        Self::from_bytes(&bytes).with_context(|| {
            let other = foreign::known(&bytes, bytes.len() as u64).filter(|found| found.class != Class::OfARun);
            let found = other.map_or(String::new(), |found| format!(" (it is {})", found.name));
            format!("{} is not a network or a table of this program{found}", path.display())
        })
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// When they are not a model that this program can play with; the message says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes).context("not a safetensors file")?;
        let strings = header.metadata().as_ref().ok_or_else(|| anyhow!("it has no metadata"))?;
        let strings = Strings(strings);
        let version: u32 = strings.json("format_version")?;
        ensure!(
            version == FORMAT_VERSION,
            "its format version is {version}; this program reads version {FORMAT_VERSION}"
        );
        let own = |key: &&String| OWN_KEYS.contains(&key.as_str()) || table::KEYS.contains(&key.as_str());
        let environment: Description =
            strings.0.iter().filter(|(key, _)| !own(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
        let (space, actions) = environments::space_and_actions(&environment)?;
        let metadata = Metadata {
            environment,
            preset: strings.text("preset")?.to_string(),
            seed: strings.json("seed")?,
            steps_trained: strings.json("steps_trained")?,
            chosen: chosen(&strings)?,
        };
        if strings.has(table::ARRAYS) {
            let table = table::read(bytes, |key| strings.text(key), space, actions)?;
            return Ok(Self { metadata, learned: Learned::Table(Arc::new(table)) });
        }
        let design = Design {
            kind: strings.word("network")?,
            layers: layers(&strings)?,
            activation: if strings.has("activation") { strings.word("activation")? } else { Activation::Relu },
            norm: norm(&strings)?,
            dueling: strings.json("dueling")?,
            dueling_form: if strings.has("dueling_form") { strings.word("dueling_form")? } else { DuelingForm::Mean },
            dueling_hidden: if strings.has("dueling_hidden") { strings.json("dueling_hidden")? } else { true },
            // Files written before noisy layers existed do not mention them.
            noisy: if strings.has("noisy") { strings.json("noisy")? } else { false },
            head: head(&strings)?,
        };
        let architecture = Architecture::new(design, space, actions)?;
        let tensors = SafeTensors::deserialize(bytes).context("not a safetensors file")?;
        // Before memory is taken for as many as the metadata ask for.
        let (count, held) = (architecture.parameter_count(), bytes.len() / 4);
        ensure!(count <= held, "its metadata describe a network of {count} parameters, and it has {held} at most");
        let mut values = Vec::with_capacity(count);
        for spec in architecture.layout() {
            let tensor = tensors.tensor(&spec.name).map_err(|_| anyhow!("it lacks `{}`", spec.name))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != spec.shape {
                bail!("`{}` is {:?} {:?}, expected F32 {:?}", spec.name, tensor.dtype(), tensor.shape(), spec.shape);
            }
            let numbers = tensor.data().chunks_exact(4);
            values.extend(numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        }
        finite::ensure_parameters(&architecture, &values)?;
        Ok(Self { metadata, learned: Learned::Network(Parameters { architecture, values }) })
    }
}

/// The metadata of a network of this design.
fn network_strings(design: &Design) -> BTreeMap<&'static str, String> {
    let mut strings = BTreeMap::from([
        ("network", design.kind.name().to_string()),
        ("dueling", design.dueling.to_string()),
        ("noisy", design.noisy.to_string()),
    ]);
    if design.norm == NormKind::Channels {
        strings.extend([("norm", "channels".to_string()), ("norm_epsilon", format!("{NORM_EPSILON:e}"))]);
    }
    insert_variants(design, &mut strings);
    strings
}

/// Adds the properties of a design that few networks have: the files of others are as they were before these existed.
fn insert_variants(design: &Design, strings: &mut BTreeMap<&'static str, String>) {
    if !design.layers.is_empty() {
        let widths: Vec<String> = design.layers.iter().map(|width| width.to_string()).collect();
        strings.insert("layers", format!("[{}]", widths.join(",")));
    }
    if design.activation == Activation::Elu {
        strings.insert("activation", "elu".to_string());
    }
    if design.dueling_form == DuelingForm::Maximum {
        strings.insert("dueling_form", "maximum".to_string());
    }
    if !design.dueling_hidden {
        strings.insert("dueling_hidden", "false".to_string());
    }
    match design.head {
        Head::Expected => {}
        Head::Policy => {
            strings.insert("head", "policy".to_string());
        }
        Head::Categorical(Support { atoms, value_min, value_max }) => {
            strings.insert("atoms", atoms.to_string());
            strings.insert("value_min", value_min.to_string());
            strings.insert("value_max", value_max.to_string());
        }
    }
}

/// Widths of the hidden layers; files of networks with their kind's own layers do not mention them.
fn layers(strings: &Strings) -> Result<Widths> {
    if !strings.has("layers") {
        return Ok(Widths::default());
    }
    let widths: Vec<u32> = strings.json("layers")?;
    Widths::new(&widths).with_context(|| {
        let (most, widest) = (Widths::MOST, Widths::WIDEST);
        format!("its metadata have `layers` = {widths:?}; there can be up to {most} widths from 1 to {widest}")
    })
}

/// What the choice rests on; only the files of best networks say it.
fn chosen(strings: &Strings) -> Result<Option<Chosen>> {
    if !strings.has("chosen_by") {
        return Ok(None);
    }
    let (games, mean_return) = (strings.json("chosen_games")?, strings.json("chosen_mean_return")?);
    Ok(Some(Chosen { by: strings.word("chosen_by")?, games, mean_return }))
}

/// The norm; files of networks without one do not mention it.
fn norm(strings: &Strings) -> Result<NormKind> {
    if !strings.has("norm") {
        return Ok(NormKind::None);
    }
    let norm = strings.word("norm")?;
    if norm == NormKind::Channels {
        let epsilon: f32 = strings.json("norm_epsilon")?;
        ensure!(
            epsilon == NORM_EPSILON,
            "its norms add {epsilon:e} to the variance; this program computes with {NORM_EPSILON:e}"
        );
    }
    Ok(norm)
}

/// The head: categorical if the metadata have atoms, a policy if they say so.
fn head(strings: &Strings) -> Result<Head> {
    if strings.has("head") {
        let head = strings.text("head")?;
        ensure!(head == "policy", "its metadata have `head` = `{head}`; this program reads `policy`");
        return Ok(Head::Policy);
    }
    if !strings.has("atoms") {
        return Ok(Head::Expected);
    }
    let support = Support {
        atoms: strings.json("atoms")?,
        value_min: strings.json("value_min")?,
        value_max: strings.json("value_max")?,
    };
    let range = support.value_max - support.value_min;
    ensure!(
        (2..=MOST_ATOMS).contains(&support.atoms) && range > 0.0 && range.is_finite(),
        "it has {} atoms from {} to {}; there must be 2 to {MOST_ATOMS}, from a value to a larger one",
        support.atoms,
        support.value_min,
        support.value_max
    );
    Ok(Head::Categorical(support))
}

/// A file's metadata: all values are strings.
struct Strings<'a>(&'a HashMap<String, String>);

impl Strings<'_> {
    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn text(&self, key: &str) -> Result<&str> {
        self.0.get(key).map(String::as_str).ok_or_else(|| anyhow!("its metadata lack `{key}`"))
    }

    fn json<T: DeserializeOwned>(&self, key: &str) -> Result<T> {
        let text = self.text(key)?;
        serde_json::from_str(text)
            .map_err(|error| anyhow!("its metadata have `{key}` = `{text}`: {}", plain(&error.to_string())))
    }

    fn word<T: DeserializeOwned>(&self, key: &str) -> Result<T> {
        let text = self.text(key)?;
        serde_json::from_value(text.into())
            .map_err(|error| anyhow!("its metadata have `{key}` = `{text}`: {}", plain(&error.to_string())))
    }
}

/// A model, its file, and the environment it plays.
pub struct OpenModel {
    /// Its file.
    pub path: PathBuf,
    /// The model.
    pub model: Model,
    /// The environment, as in the model's training.
    pub spec: Spec,
}

/// Loads the model for the user's argument (see [`find`]) and the cartridge it plays: `rom`, or else the cartridge it was
/// trained on. Every command that plays a model calls this.
///
/// # Errors
/// When a file cannot be read, or the cartridge differs from the model's by game or MD5, or lacks the model's actions.
pub fn open(model: Option<&Path>, rom: Option<&str>) -> Result<OpenModel> {
    let path = find(model)?;
    let model = Model::load(&path)?;
    let spec = environments::open(&model.metadata.environment, rom)
        .with_context(|| format!("{} cannot play here", path.display()))?;
    Ok(OpenModel { path, model, spec })
}

/// The model's file for the user's argument: a file, a run folder (its best model, else its last), or nothing (the newest run in
/// `runs`). A best model that was chosen by a handful of games is no better than the last one, which is taken instead.
///
/// # Errors
/// When the folder holds no model, or there is no run.
pub fn find(model: Option<&Path>) -> Result<PathBuf> {
    match model {
        Some(path) if path.is_dir() => {
            in_run(path).ok_or_else(|| {
                anyhow!(
                    "{} holds neither {BEST_FILE} nor {MODEL_FILE}; a run writes them with its first checkpoint, so wait for \
                     that, or give another run folder or a .safetensors file",
                    path.display()
                )
            })
        }
        Some(path) => Ok(path.to_path_buf()),
        None => newest_run(Path::new("runs"))
            .and_then(|run| in_run(&run))
            .ok_or_else(|| anyhow!("there is no run in ./runs; give a run folder or a .safetensors file, or --policy")),
    }
}

fn in_run(folder: &Path) -> Option<PathBuf> {
    let [best, last] = [BEST_FILE, MODEL_FILE].map(|name| folder.join(name));
    if last.is_file() && best.is_file() && !chosen_soundly(&best) {
        return Some(last);
    }
    [best, last].into_iter().find(|path| path.is_file())
}

/// Whether the file does not say that it was chosen by too few games. What else may be wrong with it shows when it is loaded.
fn chosen_soundly(best: &Path) -> bool {
    Model::load(best).map_or(true, |model| model.metadata.chosen.is_none_or(|chosen| chosen.is_sound()))
}

/// The run folder whose last model was written most recently.
fn newest_run(folder: &Path) -> Option<PathBuf> {
    let runs = fs::read_dir(folder).ok()?;
    let dated = runs.flatten().filter_map(|entry| {
        let model = fs::metadata(entry.path().join(MODEL_FILE)).ok()?;
        Some((model.modified().ok()?, entry.path()))
    });
    dated.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::environments::atari::preprocess::SPACE;
    use crate::networks::NetworkKind;
    use crate::observations::Space;
    use crate::policy::table::states::States;
    use crate::policy::table::{ActionValues, Values};
    use crate::random::{Generator, Purpose};

    /// The built-in game, with a cartridge that nobody has.
    fn description() -> Description {
        let mut description = environments::spec(&config::EnvironmentKeys::default(), None).unwrap().description();
        description.insert("cartridge_md5".to_string(), "0123456789abcdef0123456789abcdef".to_string());
        description
    }

    fn model() -> Model {
        model_of(Design { dueling: true, ..NetworkKind::Small.plain() })
    }

    fn model_of(design: Design) -> Model {
        let architecture = Architecture::new(design, SPACE, 4).unwrap();
        Model {
            metadata: Metadata {
                environment: description(),
                preset: "bricks".to_string(),
                seed: u64::MAX,
                steps_trained: 1000,
                chosen: None,
            },
            learned: Learned::Network(Parameters::initial(architecture, &mut Generator::new(1, Purpose::Weights))),
        }
    }

    #[test]
    fn a_saved_model_loads_and_no_other_file_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MODEL_FILE);
        let saved = model();
        saved.save(&path).unwrap();
        saved.save(&path).unwrap();
        assert_eq!(Model::load(&path).unwrap(), saved);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(find(Some(folder.path())).unwrap(), path);
        fs::copy(&path, folder.path().join(BEST_FILE)).unwrap();
        assert_eq!(find(Some(folder.path())).unwrap(), folder.path().join(BEST_FILE));
    }

    #[test]
    fn a_best_network_says_on_how_many_games_it_rests_and_a_handful_is_not_taken_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let (best, last) = (folder.path().join(BEST_FILE), folder.path().join(MODEL_FILE));
        model().save(&last).unwrap();
        for (by, games, found, words) in [
            (ChosenBy::Evaluation, 9, &last, "over 9 games of an evaluation during training, too few to tell"),
            (ChosenBy::Evaluation, 10, &best, "mean return of 1.5 over 10 games of an evaluation during training"),
            (ChosenBy::TrainingGames, 100, &best, "over 100 training games"),
        ] {
            let mut chosen = model();
            chosen.metadata.chosen = Some(Chosen { by, games, mean_return: 1.5 });
            chosen.save(&best).unwrap();
            let loaded = Model::load(&best).unwrap();
            assert_eq!(loaded, chosen);
            let said = loaded.metadata.chosen.unwrap().in_words();
            assert!(said.ends_with(words), "{said}");
            assert_eq!(&find(Some(folder.path())).unwrap(), found, "{games} games");
        }
    }

    #[test]
    fn a_network_that_is_not_finite_does_not_replace_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MODEL_FILE);
        let sound = model();
        sound.save(&path).unwrap();
        let mut diverged = sound.clone();
        let Learned::Network(parameters) = &mut diverged.learned else { panic!() };
        parameters.values[0] = f32::NAN;
        let message = format!("{:#}", diverged.save(&path).unwrap_err());
        assert!(message.contains("diverged") && message.contains("`conv1.weight` is not finite"), "{message}");
        assert_eq!(Model::load(&path).unwrap(), sound);
    }

    #[test]
    fn the_file_is_plain_safetensors_with_pytorchs_shapes() {
        let bytes = model().to_bytes().unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor("conv2.weight").unwrap().shape(), [32, 16, 4, 4]);
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let strings = header.metadata().as_ref().unwrap();
        assert_eq!((strings["game"].as_str(), strings["actions"].as_str()), ("bricks", "[0,1,3,4]"));
        assert_eq!(model().to_bytes().unwrap(), bytes);
    }

    #[test]
    fn every_head_is_saved_with_its_settings_and_loaded() {
        let categorical = Head::Categorical(Support { atoms: 51, value_min: -10.0, value_max: 10.5 });
        for head in [Head::Expected, categorical] {
            for (dueling, noisy) in [(false, false), (true, false), (false, true), (true, true)] {
                let saved = model_of(Design { dueling, noisy, head, ..NetworkKind::Cpu.plain() });
                let bytes = saved.to_bytes().unwrap();
                assert_eq!(Model::from_bytes(&bytes).unwrap(), saved);
                let tensors = SafeTensors::deserialize(&bytes).unwrap();
                let (layer, outputs) = if dueling { ("advantage", 4) } else { ("head", 4) };
                for (part, expected) in [("weight", true), ("weight_sigma", noisy), ("bias_sigma", noisy)] {
                    let tensor = tensors.tensor(&format!("{layer}.{part}"));
                    assert_eq!(tensor.is_ok(), expected, "{layer}.{part}");
                    assert!(tensor.is_err() || tensor.unwrap().shape()[0] == outputs * head.width());
                }
            }
        }
    }

    #[test]
    fn a_norm_is_saved_with_its_epsilon_and_one_that_differs_is_refused() {
        let saved = model_of(Design { norm: NormKind::Channels, ..NetworkKind::Cpu.plain() });
        let bytes = saved.to_bytes().unwrap();
        assert_eq!(Model::from_bytes(&bytes).unwrap(), saved);
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let shape = |name: &str| tensors.tensor(name).unwrap().shape().to_vec();
        assert_eq!((shape("conv2_norm.weight"), shape("fc_norm.bias")), (vec![64], vec![256]));
        assert!(tensors.tensor("head_norm.weight").is_err());
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        for (from, to, reason) in [
            ("\"norm\":\"channels\"", "\"norm\":\"picture!\"", "`picture!` is unknown"),
            ("\"norm_epsilon\":\"1e-6\"", "\"norm_epsilon\":\"1e-5\"", "its norms add 1e-5 to the variance"),
            ("\"norm_epsilon\":\"1e-6\",", "                      ", "lack `norm_epsilon`"),
            ("\"noisy\":\"false\"", "\"noisy\":\"true\" ", "untested with noisy"),
        ] {
            assert!(text.contains(from), "{from}");
            let changed: Vec<u8> = text.replacen(from, to, 1).chars().map(|c| c as u8).collect();
            let message = format!("{:#}", Model::from_bytes(&changed).unwrap_err());
            assert!(message.contains(reason), "no `{reason}` in: {message}");
        }
        let plain = model().to_bytes().unwrap();
        assert!(!plain.windows(4).any(|bytes| bytes == b"norm"), "files of networks without a norm are as before");
    }

    #[test]
    fn dense_networks_are_saved_with_their_layers_activation_form_and_head_and_other_files_do_not_mention_them() {
        let plain = NetworkKind::Mlp.plain();
        let layers = Widths::new(&[6, 5]).unwrap();
        let dueling =
            Design { layers, dueling: true, dueling_form: DuelingForm::Maximum, dueling_hidden: false, ..plain };
        for design in [
            Design { layers, ..plain },
            Design { layers, activation: Activation::Elu, ..dueling },
            Design { layers, head: Head::Policy, activation: Activation::Elu, ..plain },
        ] {
            let saved = model_of(design);
            assert_eq!(Model::from_bytes(&saved.to_bytes().unwrap()).unwrap(), saved);
        }
        let bytes = model_of(dueling).to_bytes().unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let shape = |name: &str| tensors.tensor(name).unwrap().shape().to_vec();
        assert_eq!((shape("dense1.weight")[0], shape("fc.weight")), (6, vec![5, 6]));
        assert_eq!((shape("value.weight"), shape("advantage.weight")), (vec![1, 5], vec![4, 5]));
        let text = |bytes: &[u8]| -> String { bytes.iter().map(|&byte| char::from(byte)).collect() };
        let words = text(&bytes);
        for (from, to, reason) in [
            ("\"layers\":\"[6,5]\"", "\"layers\":\"[6,0]\"", "`layers` = [6, 0]; there can be up to 6 widths"),
            ("\"layers\":\"[6,5]\"", "\"layers\":\"[6,x]\"", "`layers` = `[6,x]`"),
            ("\"dueling_form\":\"maximum\"", "\"dueling_form\":\"minimum\"", "`minimum` is unknown"),
            ("\"dueling_hidden\":\"false\"", "\"dueling_hidden\":\"fa1se\"", "`dueling_hidden` = `fa1se`"),
        ] {
            assert!(words.contains(from), "{from}");
            let changed: Vec<u8> = words.replacen(from, to, 1).chars().map(|c| c as u8).collect();
            let message = format!("{:#}", Model::from_bytes(&changed).unwrap_err());
            assert!(message.contains(reason), "no `{reason}` in: {message}");
        }
        let policy = text(&model_of(Design { head: Head::Policy, ..plain }).to_bytes().unwrap());
        let changed: Vec<u8> = policy.replacen("\"policy\"", "\"police\"", 1).chars().map(|c| c as u8).collect();
        let message = format!("{:#}", Model::from_bytes(&changed).unwrap_err());
        assert!(message.contains("`head` = `police`"), "{message}");
        let usual = text(&model().to_bytes().unwrap());
        for key in ["layers", "activation", "dueling_form", "dueling_hidden", "\"head\""] {
            assert!(!usual.contains(key), "{key}");
        }
    }

    #[test]
    fn files_written_before_the_variants_existed_load() {
        let saved = model();
        let text: String = saved.to_bytes().unwrap().iter().map(|&byte| char::from(byte)).collect();
        let without = text.replacen("\"noisy\":\"false\",", &" ".repeat(16), 1);
        assert_ne!(without, text);
        let bytes: Vec<u8> = without.chars().map(|c| c as u8).collect();
        assert_eq!(Model::from_bytes(&bytes).unwrap(), saved);
    }

    #[test]
    fn a_file_that_is_no_network_is_refused_with_the_reason() {
        let good = model();
        let refused = |bytes: &[u8], reason: &str| {
            let message = format!("{:#}", Model::from_bytes(bytes).unwrap_err());
            assert!(message.contains(reason), "no `{reason}` in: {message}");
        };
        refused(b"", "not a safetensors file");
        refused(&[0xFF; 100], "not a safetensors file");
        let bytes = good.to_bytes().unwrap();
        refused(&bytes[..bytes.len() - 4], "not a safetensors file");
        let swap_in = |bytes: &[u8], from: &str, to: &str| {
            let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
            assert!(text.contains(from));
            text.replacen(from, to, 1).chars().map(|c| c as u8).collect::<Vec<u8>>()
        };
        let swap = |from: &str, to: &str| swap_in(&bytes, from, to);
        refused(&swap("\"format_version\":\"1\"", "\"format_version\":\"9\""), "format version is 9");
        refused(&swap("\"actions\":\"[0,1,3,4]\"", "\"actions\":\"[0,1,314]\""), "no joystick action 314");
        refused(&swap("\"actions\":\"[0,1,3,4]\"", "\"actions\":\"[0, 1, 3]\""), "[4, 128], expected F32 [3, 128]");
        refused(
            &swap("\"network\":\"small\"", "\"network\":\"smell\""),
            "`smell` is unknown, expected one of `nature`",
        );
        refused(&swap("\"side\":\"84\"", "\"side\":\"80\""), "80 x 80");
        refused(&swap("advantage.bias", "advantage.bia5"), "lacks `advantage.bias`");
        for (number, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
            // The last number of the file is one of the last array.
            let mut bytes = bytes.clone();
            let begin = bytes.len() - 4;
            bytes[begin..].copy_from_slice(&number.to_le_bytes());
            refused(&bytes, "`advantage.bias` is not finite: 1 of 4 values");
            refused(&bytes, shown);
        }
        let head = Head::Categorical(Support { atoms: 51, value_min: -10.0, value_max: 10.0 });
        let bytes = model_of(Design { head, ..NetworkKind::Small.plain() }).to_bytes().unwrap();
        refused(&swap_in(&bytes, "\"atoms\":\"51\"", "\"atoms\":\"01\""), "`atoms` = `01`");
        refused(&swap_in(&bytes, "\"atoms\":\"51\"", "\"atoms\":\"1 \""), "1 atoms from -10 to 10");
        refused(&swap_in(&bytes, "\"atoms\":\"51\"", "\"atoms\":\"41\""), "[204, 128], expected F32 [164, 128]");
        refused(&swap_in(&bytes, "\"value_max\":\"10\"", "\"value_max\":\"1x\""), "`value_max` = `1x`");
        refused(&swap_in(&bytes, "\"value_min\":\"-10\"", "\"value_min\":\"9e9\""), "from 9000000000 to 10");
    }

    /// Each kind of table, for 3 states with 2 actions, or for the cells of 2 numbers.
    fn tables() -> Vec<(Space, Table)> {
        let q = |first: f64| {
            let numbers = [first, f64::NEG_INFINITY, 1.0 / 3.0, -0.0, 1e-300, 2.0];
            ActionValues::from_values(2, numbers.to_vec()).unwrap()
        };
        let v = vec![-1.5, 0.1, 7.0];
        let kinds = [
            Values::Actions(q(1.0)),
            Values::Double([q(1.0), q(2.0)]),
            Values::States(v.clone(), q(0.0)),
            Values::Planned(v, q(1.0)),
        ];
        let mut tables: Vec<(Space, Table)> =
            kinds.map(|values| (Space::States(3), Table { states: States::Numbered(3), values })).to_vec();
        let limits = [2.4, 0.20943951];
        let states = States::of(Space::Numbers(2), Some(&limits), 3, 2).unwrap();
        let values = Values::Actions(ActionValues::zeros(states.len(), 2).unwrap());
        tables.push((Space::Numbers(2), Table { states, values }));
        tables
    }

    fn bytes_of_table(table: &Table) -> Vec<u8> {
        Model { learned: Learned::Table(Arc::new(table.clone())), ..model() }.to_bytes().unwrap()
    }

    /// The table in the bytes, if they were of an environment with these observations and two actions.
    fn table_of_bytes(bytes: &[u8], space: Space) -> Result<Table> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let strings = header.metadata().as_ref().unwrap();
        table::read(bytes, |key| Strings(strings).0.get(key).map(String::as_str).context("missing"), space, 2)
    }

    #[test]
    fn every_kind_of_table_is_saved_in_f64_and_read() {
        for (space, saved) in tables() {
            let bytes = bytes_of_table(&saved);
            assert_eq!(table_of_bytes(&bytes, space).unwrap(), saved);
            assert_eq!(bytes_of_table(&saved), bytes);
            let other = table_of_bytes(&bytes, Space::States(4)).unwrap_err().to_string();
            assert!(other.contains("expected F64 [4"), "{other}");
        }
        let (_, double) = &tables()[1];
        let bytes = bytes_of_table(double);
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let second = tensors.tensor("q2").unwrap();
        assert_eq!((second.dtype(), second.shape()), (Dtype::F64, &[3, 2][..]));
        assert_eq!(second.data()[..16], [2.0f64.to_le_bytes(), f64::NEG_INFINITY.to_le_bytes()].concat());
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let strings = header.metadata().as_ref().unwrap();
        assert_eq!((strings["table"].as_str(), strings["seed"].as_str()), ("q1 q2", "18446744073709551615"));
        assert!(!strings.contains_key("network"));
    }

    #[test]
    fn a_table_that_cannot_be_used_is_refused_with_the_reason() {
        let swapped = |number: usize, from: &str, to: &str| {
            let (space, table) = &tables()[number];
            let text: String = bytes_of_table(table).iter().map(|&byte| char::from(byte)).collect();
            assert!(text.contains(from), "{from}");
            let bytes: Vec<u8> = text.replacen(from, to, 1).chars().map(|c| c as u8).collect();
            format!("{:#}", table_of_bytes(&bytes, *space).unwrap_err())
        };
        for (number, from, to, reason) in [
            (0, "\"table\":\"q\"", "\"table\":\"x\"", "known are `q`"),
            (0, "\"dtype\":\"F64\"", "\"dtype\":\"I64\"", "`q` is I64 [3, 2], expected F64 [3, 2]"),
            (1, "\"q2\":{", "\"q3\":{", "lacks `q2`"),
            (4, "\"table_edges\":\"3\"", "\"table_edges\":\"x\"", "`table_edges` = `x`"),
            (4, "\"table_edges\":\"3\"", "\"table_edges\":\"1\"", "at least 2 edges"),
            (4, "\"table_edges\":\"3\"", "\"table_edges\":\"4\"", "expected F64 [25, 2]"),
            (4, "2.4 0.2", "2.4 x.2", "`table_limits`"),
            (4, "2.4 0.2", "-.4 0.2", "cannot be divided"),
        ] {
            let message = swapped(number, from, to);
            assert!(message.contains(reason), "no `{reason}` in: {message}");
        }
        for (number, wrong) in [(0, f64::NAN), (2, f64::NEG_INFINITY), (3, f64::INFINITY)] {
            // The last number of the file is one of `q`, or of `v`.
            let (space, table) = &tables()[number];
            let mut bytes = bytes_of_table(table);
            let begin = bytes.len() - 8;
            bytes[begin..].copy_from_slice(&wrong.to_le_bytes());
            let message = format!("{:#}", table_of_bytes(&bytes, *space).unwrap_err());
            assert!(message.contains(&wrong.to_string()), "{message}");
        }
        let message = format!("{:#}", Model::from_bytes(&bytes_of_table(&tables()[0].1)).unwrap_err());
        assert!(message.contains("4 pictures of 84 x 84 pixels"), "no table for a game: {message}");
    }

    #[test]
    fn a_model_opens_with_its_own_cartridge_and_with_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let bricks = environments::spec(&config::EnvironmentKeys::default(), None).unwrap();
        let mut saved = model();
        saved.metadata.environment = bricks.description();
        saved.save(&folder.path().join(MODEL_FILE)).unwrap();
        let OpenModel { path, model, spec } = open(Some(folder.path()), None).unwrap();
        assert_eq!((path, &model), (folder.path().join(MODEL_FILE), &saved));
        assert_eq!((spec.name(), spec.cartridge_md5(), spec.actions()), ("bricks", bricks.cartridge_md5(), 4));
        saved.metadata.environment.insert("game".to_string(), "pong".to_string());
        saved.save(&folder.path().join(MODEL_FILE)).unwrap();
        let refused = |rom| open(Some(folder.path()), rom).err().map(|error| format!("{error:#}")).unwrap();
        assert!(refused(Some("bricks")).contains("cannot play here: the network was trained on pong"));
    }
}
