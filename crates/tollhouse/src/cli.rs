//! The command line: what an owner and an operator do by hand.
//!
//! Standard output carries the answer, as text for people or with `--json` as one JSON document; standard error carries errors, hints and
//! the log. A command ends with 0 when it is done, 1 when it failed, 2 when it was called or configured wrongly.

mod args;
mod attention;
mod audit;
mod backup;
mod care;
mod census;
mod channel;
mod doctor;
mod error;
mod import;
mod job;
mod link;
pub(crate) mod logging;
mod membership;
mod migrate;
mod offer;
mod order;
mod output;
mod owner;
mod payment;
mod policies;
mod reconcile;
mod recover;
mod replay;
mod sandbox;
mod serve;
mod session;
mod sweep;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError};
use error::CliError;
use output::Out;
use session::Session;

/// Sells access to private Telegram channels for crypto. No payment is ever lost.
///
/// Settings come from tollhouse.toml in the working folder (or the file that --config names) and from environment variables that begin
/// with TOLLHOUSE_; the environment wins. `tollhouse doctor` checks them and says what to mend. To see the whole product at work without
/// an account anywhere: `tollhouse demo`.
#[derive(Debug, Parser)]
#[command(name = "tollhouse", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    /// Settings file to read instead of tollhouse.toml
    #[arg(long, global = true, value_name = "FILE", display_order = 900)]
    config: Option<PathBuf>,
    /// Answer with one JSON document on standard output, for programs
    #[arg(long, global = true, display_order = 901)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole product on this machine: simulated payments, simulated Telegram, nothing to set up
    Demo(serve::DemoArgs),
    /// Run everything: payment notifications, buyers' pages, deliveries, the bot
    Serve(serve::ServeArgs),
    /// Bring the database up to date for this version (`serve` does so by itself)
    Migrate,
    /// Check settings, database, payment provider and Telegram, and say what to mend
    Doctor,
    #[command(flatten)]
    Data(DataCommand),
    /// Copy the whole database into a file, also while `serve` runs (SQLite)
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the database; nothing may be using it (SQLite)
    Restore(backup::RestoreArgs),
    /// Come over from another system
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Run a simulated NOWPayments, and if asked a simulated Telegram, to try an integration against
    Sandbox(sandbox::SandboxArgs),
    /// Verify signatures and answer without storing anything, to measure what the database costs
    #[command(hide = true)]
    BenchNoStore,
    /// Serve with a commit for each notification, to measure what group commit is worth
    #[command(hide = true)]
    BenchOneByOne,
}

/// What looks at, or changes, what is in the database.
#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Channels that you sell, and their plans
    #[command(subcommand)]
    Channel(channel::ChannelCommand),
    /// Owners and operators: when they are not to be disturbed
    #[command(subcommand)]
    Owner(owner::OwnerCommand),
    /// Payment links to share: whoever opens one can buy at once
    #[command(subcommand)]
    Link(link::LinkCommand),
    /// Orders: what somebody wants to buy, at the price of that moment
    #[command(subcommand)]
    Order(order::OrderCommand),
    /// Payments as the provider reported them
    #[command(subcommand)]
    Payment(payment::PaymentCommand),
    /// Ask the provider for what we have not heard, take it in, and if asked write a statement of both sides
    ///
    /// `serve` does the first two by itself every few minutes. The provider's list needs TOLLHOUSE_NOWPAYMENTS_EMAIL and _PASSWORD;
    /// without them only payments of which something was heard are asked for. Ends with 1 if the provider did not answer everything, or
    /// if the statement has a difference that nothing here explains.
    Reconcile(reconcile::ReconcileArgs),
    /// Who has access to which channel, and until when
    #[command(subcommand)]
    Membership(membership::MembershipCommand),
    /// What needs a person: odd payments, deliveries that failed
    #[command(subcommand)]
    Attention(attention::AttentionCommand),
    /// Who did what to money or access, and why; sealed so that a later change shows
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Steps towards Telegram, the provider and you that wait, run or failed
    #[command(subcommand)]
    Job(job::JobCommand),
}

/// Runs the program with these arguments, its own name first.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output with 0, a wrong call to standard error with 2. If neither can be written nobody listens.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(error::EXIT_USAGE));
        }
    };
    match carry_out(cli).await {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error.to_string());
            error.exit_code()
        }
    }
}

async fn carry_out(cli: Cli) -> Result<ExitCode, CliError> {
    let environment = environment()?;
    let out = Out::new(cli.json);
    let config = match Config::load(cli.config.as_deref(), &environment) {
        Ok(config) => config,
        Err(error) => {
            if matches!(cli.command, Command::Doctor) {
                doctor::show_wrong_configuration(&out, &error)?;
            }
            return Err(error.into());
        }
    };
    let is_service =
        matches!(cli.command, Command::Serve(_) | Command::BenchNoStore | Command::BenchOneByOne);
    logging::start(&config, is_service, &environment);
    match cli.command {
        Command::Demo(args) => return Box::pin(serve::demo(&out, args)).await,
        Command::Serve(args) => Box::pin(serve::serve(config, &args)).await?,
        Command::BenchNoStore => Box::pin(crate::serve::run_without_store(config)).await?,
        Command::BenchOneByOne => Box::pin(crate::serve::run_one_by_one(config)).await?,
        Command::Sandbox(args) => Box::pin(sandbox::run(&out, args)).await?,
        Command::Migrate => migrate::run(&out, &config).await?,
        Command::Doctor => return Box::pin(doctor::run(&out, &config)).await,
        Command::Backup(args) => backup::back_up(&out, &config, args).await?,
        Command::Restore(args) => backup::restore(&out, &config, args).await?,
        Command::Import(command) => Box::pin(import::run(out, config, command)).await?,
        Command::Data(command) => {
            let begins = matches!(command, DataCommand::Channel(channel::ChannelCommand::Add(_)));
            let session = Session::open(config, out, begins).await?;
            let done = Box::pin(in_session(&session, command)).await;
            session.close().await;
            done?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn in_session(session: &Session, command: DataCommand) -> Result<(), CliError> {
    match command {
        DataCommand::Channel(command) => channel::run(session, command).await,
        DataCommand::Owner(command) => owner::run(session, command).await,
        DataCommand::Link(command) => link::run(session, command).await,
        DataCommand::Order(command) => order::run(session, command).await,
        DataCommand::Payment(command) => payment::run(session, command).await,
        DataCommand::Reconcile(args) => Box::pin(reconcile::run(session, args)).await,
        DataCommand::Membership(command) => membership::run(session, command).await,
        DataCommand::Attention(command) => attention::run(session, command).await,
        DataCommand::Audit(command) => audit::run(session, command).await,
        DataCommand::Job(command) => job::run(session, command).await,
    }
}

/// The environment as text. A secret that cannot be read exactly must not be used inexactly.
fn environment() -> Result<Vec<(String, String)>, CliError> {
    let mut pairs = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => pairs.push((name, value)),
            Err(_) if name.starts_with("TOLLHOUSE_") => {
                return Err(ConfigError { key: name, problem: "is not UTF-8 text".to_owned() }.into());
            }
            Err(_) => {}
        }
    }
    Ok(pairs)
}
