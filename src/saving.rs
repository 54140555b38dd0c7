//! The contents of a checkpoint: named parts, and files beside it that several checkpoints can share. Files that are written whole
//! or not at all, and without harm to other files.

pub mod own_files;
pub mod sealed_file;

use anyhow::{ensure, Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The parts of a checkpoint by name, and the names of the files that it needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    parts: BTreeMap<String, Vec<u8>>,
    files: BTreeSet<String>,
    /// The parts that name files.
    with_files: BTreeSet<String>,
}

impl Parts {
    /// The files beside the checkpoint that it needs.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// The same without the parts that name no files: all that the next checkpoint asks for.
    pub fn with_files_only(mut self) -> Self {
        self.parts.retain(|name, _| self.with_files.contains(name));
        self
    }

    fn part<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let bytes = self.parts.get(name).with_context(|| format!("the checkpoint has no part `{name}`"))?;
        postcard::from_bytes(bytes).with_context(|| format!("the part `{name}` of the checkpoint cannot be used"))
    }
}

/// A checkpoint that is being written.
#[derive(Debug)]
pub struct Saving<'a> {
    folder: &'a Path,
    before: &'a Parts,
    made: Parts,
}

impl<'a> Saving<'a> {
    /// A checkpoint with no parts yet, whose files go to `folder`; `before` is the newest existing checkpoint, or
    /// empty.
    pub fn new(folder: &'a Path, before: &'a Parts) -> Self {
        Self { folder, before, made: Parts::default() }
    }

    /// Adds a part.
    ///
    /// # Errors
    /// When it cannot be put into bytes.
    pub fn part<T: Serialize>(&mut self, name: &str, value: &T) -> Result<()> {
        let bytes = postcard::to_stdvec(value).with_context(|| format!("cannot put `{name}` into bytes"))?;
        self.made.parts.insert(name.to_string(), bytes);
        Ok(())
    }

    /// The part [with files](Self::part_with_files) of the previous checkpoint, if it has one of this name and form.
    pub fn part_before<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.before.part(name).ok()
    }

    /// Where files beside the checkpoint go. A file that the previous checkpoint needs must not be changed.
    pub fn folder(&self) -> &'a Path {
        self.folder
    }

    /// Adds a part that names files of the [folder](Self::folder), which the checkpoint needs.
    ///
    /// # Errors
    /// When it cannot be put into bytes.
    pub fn part_with_files<T: Serialize>(
        &mut self,
        name: &str,
        value: &T,
        files: impl IntoIterator<Item = String>,
    ) -> Result<()> {
        self.made.with_files.insert(name.to_string());
        self.made.files.extend(files);
        self.part(name, value)
    }

    /// All parts.
    pub fn into_parts(self) -> Parts {
        self.made
    }
}

/// More than any run counts; only a file that this program did not write says so.
const MOST: u64 = 1 << 60;

/// A count in a checkpoint, which the program will go on with.
///
/// # Errors
/// When it is so large that no run has come there, and counting further might overflow.
pub fn count(value: u64, what: &str) -> Result<u64> {
    ensure!(value <= MOST, "the checkpoint counts {value} {what}, and no run has so many");
    Ok(value)
}

/// A checkpoint that is read.
#[derive(Clone, Copy, Debug)]
pub struct Loading<'a> {
    folder: &'a Path,
    parts: &'a Parts,
}

impl<'a> Loading<'a> {
    /// The checkpoint of these `parts`, whose files are in `folder`.
    pub fn new(folder: &'a Path, parts: &'a Parts) -> Self {
        Self { folder, parts }
    }

    /// A part.
    ///
    /// # Errors
    /// When there is none of this name and form.
    pub fn part<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.parts.part(name)
    }

    /// Where the files beside the checkpoint are.
    pub fn folder(&self) -> &'a Path {
        self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_name_and_form() {
        let before = Parts::default();
        let mut saving = Saving::new(Path::new("somewhere"), &before);
        assert_eq!(saving.part_before::<u32>("numbers"), None);
        saving.part("numbers", &vec![1u32, 2]).unwrap();
        saving.part_with_files("shared", &7u32, ["file".to_string()]).unwrap();
        let parts = saving.into_parts();
        assert_eq!(parts.files().collect::<Vec<_>>(), ["file"]);
        let loading = Loading::new(Path::new("somewhere"), &parts);
        assert_eq!(loading.part::<Vec<u32>>("numbers").unwrap(), [1, 2]);
        assert!(loading.part::<(String, String)>("numbers").unwrap_err().to_string().contains("`numbers`"));
        assert!(loading.part::<u32>("letters").unwrap_err().to_string().contains("no part `letters`"));
        let kept = parts.with_files_only();
        let next = Saving::new(Path::new("somewhere"), &kept);
        assert_eq!((next.part_before("shared"), next.part_before::<Vec<u32>>("numbers")), (Some(7u32), None));
    }
}
