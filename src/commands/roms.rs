//! `roms`: lists the ROMs found and which games have rewards.

use crate::environments::cartridges::{self, BUILT_IN};
use crate::text::output::print;
use anyhow::{bail, Context, Result};
use atari_emulator::{game, CartridgeImage};
use clap::Args;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// Options of `roms`.
#[derive(Debug, Args)]
pub struct RomsArgs {
    /// Folder to look in, without its sub-folders [default: ./roms and $ATARI_ROMS]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The `roms` command.
pub(super) fn run(args: &RomsArgs) -> Result<()> {
    let folders = match &args.dir {
        Some(dir) if dir.is_file() => bail!("{} is a file; give the folder it is in", dir.display()),
        Some(dir) => {
            fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
            vec![dir.clone()]
        }
        None => cartridges::search_folders(),
    };
    let mut rows: Vec<Row> = cartridges::all_in(&folders).map(|(name, image)| Row::new(name, image.as_ref())).collect();
    let (found, usable) = (rows.len(), rows.iter().filter(|row| row.usable).count());
    rows.push(Row::new(BUILT_IN.to_owned(), Ok(&CartridgeImage::bricks())));
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    print(&table(&rows))?;

    let listed: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    if found == 0 {
        warn!(
            "no cartridge in {}; scripts/get-roms.sh fetches those of ale-py, roms-README.md says more",
            listed.join(" or ")
        );
    } else {
        let place = listed.join(" and ");
        let built_in = "and the built-in game";
        match usable {
            usable if usable == found => warn!("{found} cartridges in {place}, {built_in}"),
            usable => warn!("{usable} usable cartridges of {found} files in {place}, {built_in}"),
        }
    }
    let sub_folders = cartridges::sub_folders(&folders);
    if let Some(first) = sub_folders.first() {
        let shown: Vec<String> = sub_folders.iter().take(5).map(|folder| folder.display().to_string()).collect();
        let more = if sub_folders.len() > shown.len() { ", ..." } else { "" };
        warn!(
            "not looked into: {} sub-folders ({}{more}); list one with: atari-dqn roms {}",
            sub_folders.len(),
            shown.join(", "),
            first.display()
        );
    }
    Ok(())
}

/// A row of the table.
struct Row {
    name: String,
    usable: bool,
    size: String,
    scheme: String,
    md5: String,
    game: String,
    status: String,
}

impl Row {
    fn new(name: String, image: Result<&CartridgeImage, &anyhow::Error>) -> Self {
        let image = match image {
            Ok(image) => image,
            Err(error) => {
                let [size, scheme, md5, game] = ["-"; 4].map(str::to_owned);
                return Self { name, usable: false, size, scheme, md5, game, status: format!("unusable: {error:#}") };
            }
        };
        let (game, status) = match game::identify(image.md5(), image.file_stem()) {
            Some(game) if game.md5 == image.md5() => (game.name, "supported"),
            Some(game) => (game.name, "another dump: rules by file name"),
            None => ("-", "not in the game table: runs without score"),
        };
        Self {
            name,
            usable: true,
            size: image.bytes().len().to_string(),
            scheme: image.scheme().to_string(),
            md5: image.md5().to_owned(),
            game: game.to_owned(),
            status: status.to_owned(),
        }
    }
}

fn table(rows: &[Row]) -> String {
    let width = |column: fn(&Row) -> &str, title: &str| {
        rows.iter().map(|row| column(row).chars().count()).max().unwrap_or(0).max(title.len())
    };
    let name = width(|row| &row.name, "NAME");
    let size = width(|row| &row.size, "SIZE");
    let scheme = width(|row| &row.scheme, "SCHEME");
    let game = width(|row| &row.game, "GAME");
    let mut text =
        format!("{:name$}  {:>size$}  {:scheme$}  {:32}  {:game$}  STATUS\n", "NAME", "SIZE", "SCHEME", "MD5", "GAME");
    for row in rows {
        let _ = writeln!(
            text,
            "{:name$}  {:>size$}  {:scheme$}  {:32}  {:game$}  {}",
            row.name, row.size, row.scheme, row.md5, row.game, row.status
        );
    }
    text
}
