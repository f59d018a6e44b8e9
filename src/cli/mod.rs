//! The command line: one file for each subcommand.

mod check;
mod convert;
mod demo;
mod doc;
mod info;
mod prompt;
mod run;
mod screen;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::diag::{self, Result, work};

pub use demo::TOUR;
pub use doc::reference;

/// Ask questions of reconstructed brain circuits, in one line each.
#[derive(Parser)]
#[command(name = "neurhai", version, about, long_about = None, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Print results (and errors) as JSON; tables as {columns, units, rows}.
    #[arg(long, global = true)]
    json: bool,
}

const AFTER_HELP: &str = "\
Without a command, the prompt opens.

Examples:
  neurhai demo                                  write the demonstration circuit and take a tour of it
  neurhai eval 'open(\"CircuitConfig\").cells.by(\"layer\").count()'
  neurhai run pathways.rhai CircuitConfig       run a script; it finds its arguments in `args`
  neurhai convert CircuitConfig sonata          write a legacy circuit as SONATA (and the other way round)

Exit status: 0 done, 1 the script (or the check) failed, 2 the command line is wrong.";

#[derive(Subcommand)]
enum Command {
    /// Run a script file.
    Run {
        /// The script.
        script: PathBuf,
        /// What the script finds in `args`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run one line and print its value.
    Eval {
        /// The line.
        line: String,
        /// What the line finds in `args`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Open the prompt with `circuit` bound to what a path holds.
    Open {
        /// A configuration, a folder that holds one, or a cell file.
        path: PathBuf,
    },
    /// Show what a path holds.
    Info {
        /// A configuration, a folder that holds one, a target file or a table.
        path: PathBuf,
    },
    /// Check the files of a circuit; the status is 1 when something is fatal.
    Check {
        /// A configuration, a folder that holds one, or a cell file.
        path: PathBuf,
    },
    /// Write the demonstration circuit and take a tour of it.
    Demo(demo::Arguments),
    /// Write a circuit in another family of formats.
    Convert(convert::Arguments),
    /// Show the reference: of everything, or of one word.
    Doc {
        /// A function, property or type.
        name: Option<String>,
    },
}

/// Runs the command line of this process and gives its exit status.
pub fn main() -> u8 {
    let arguments = Arguments::parse();
    let json = arguments.json;
    work::observe(screen::progress);
    let _ = ctrlc::set_handler(|| {
        if work::stopped() {
            // Asked twice: whatever runs does not listen.
            std::process::exit(130);
        }
        work::stop();
    });
    // Workers call scripts too, where a closure cannot be translated.
    let _ = rayon::ThreadPoolBuilder::new().stack_size(crate::script::STACK / 8).build_global();
    crate::script::set_screen(screen::size());
    match dispatch(arguments) {
        Ok(status) => status,
        Err(error) => {
            screen::end_progress();
            if json {
                eprintln!("{}", diag::render_json(&error));
            } else {
                eprint!("{}", diag::render(&error, screen::colour(std::io::stderr().is_terminal())));
            }
            1
        }
    }
}

/// Runs a subcommand and gives the exit status.
fn dispatch(arguments: Arguments) -> Result<u8> {
    let json = arguments.json;
    let done = match arguments.command {
        Some(Command::Check { path }) => return check::run(&path, json),
        None => prompt::open(None),
        Some(Command::Run { script, args }) => run::file(&script, &args, json),
        Some(Command::Eval { line, args }) => run::line(&line, &args, json),
        Some(Command::Open { path }) => prompt::open(Some(&path)),
        Some(Command::Info { path }) => info::show(&path, json),
        Some(Command::Demo(arguments)) => demo::run(&arguments),
        Some(Command::Convert(arguments)) => convert::run(&arguments),
        Some(Command::Doc { name }) => doc::show(name.as_deref()),
    };
    done.map(|()| 0)
}
