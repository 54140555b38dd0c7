//! `atari-dqn`: parses the command line and hands over to the library.
use clap::Parser;

fn main() {
    let cli = atari_dqn::cli::Cli::parse();
    println!("{cli:?}");
}
