//! `atari-dqn`: parses the command line and hands over to the library.
use atari_dqn::commands::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Train(args) => atari_dqn::run::run(&args),
        Command::Sweep(args) => atari_dqn::sweep::run(&args),
        Command::Eval(args) => atari_dqn::commands::eval::run(&args),
        Command::Plot(args) => atari_dqn::commands::plot::run(&args),
        Command::Report(args) => atari_dqn::commands::report::run(&args),
        Command::Play(args) => atari_dqn::commands::play::run(&args),
        Command::Trace(args) => atari_dqn::trace::run(&args),
        Command::Roms(args) => atari_dqn::environments::cartridges::run(&args),
        Command::Presets(args) => atari_dqn::config::show_presets(&args),
        Command::Bench(args) => atari_dqn::commands::bench::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
