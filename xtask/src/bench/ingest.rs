//! `bench ingest`: what the notification endpoint can take, and what the store costs.
//!
//! Each target is measured alone, one after the other in one run, with a fresh database, and the load comes from a
//! process of its own. The folder of the databases must be on a disk: where a sync costs nothing the comparison says
//! nothing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use tempfile::TempDir;

use super::loadgen::{self, Summary};
use super::machine::{self, Machine};
use super::notification::{Mix, PUBLIC_CHAT};
use super::report::{self, Report};
use super::server::{self, Server};
use crate::postgres::{Cluster, Durability};
use crate::{process, repository};

pub(super) const PRIVATE_CHAT: i64 = -1_001_000_000_001;
pub(super) const SECRET: &str = "bench-secret";
/// The first payment's id; each notification of a run has its own.
const FIRST_ID: u64 = 5_000_000_000;
/// Notifications to sign for each second: more than any target takes. One connection waits for each answer and takes less.
const SUPPLY_PER_SECOND: f64 = 100_000.0;
const SUPPLY_PER_SECOND_ONE_CONNECTION: f64 = 20_000.0;
/// After this time without a request, memory is called idle.
const SETTLE: Duration = Duration::from_secs(2);
/// Starts on the filled database; the median is told.
const STARTS: usize = 5;

/// `bench ingest`: how long, with what.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Length of each measurement
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Load before each measurement
    #[arg(long, default_value_t = 2.0)]
    warmup_seconds: f64,
    /// Connections at once, one measurement each
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    connections: Vec<usize>,
    /// Repeat everything, each time with fresh databases, and report the median by requests per second
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_value = "no-store,sqlite,postgres")]
    targets: Vec<Target>,
    /// What the notifications say
    #[arg(long, value_enum, value_delimiter = ',', default_value = "lifecycle,finished,waiting")]
    mixes: Vec<Mix>,
    /// Where the databases are made, in a folder that is removed at the end; must be on a disk
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
}

/// What stands behind the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    /// Verification and parsing only
    NoStore,
    /// SQLite, each commit synced
    Sqlite,
    /// PostgreSQL with fsync and synchronous_commit on
    Postgres,
    /// SQLite with a transaction for each notification
    SqliteOneByOne,
    /// PostgreSQL with a transaction for each notification
    PostgresOneByOne,
}

impl Target {
    /// The name in tables and file names.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NoStore => "no-store",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::SqliteOneByOne => "sqlite-one-by-one",
            Self::PostgresOneByOne => "postgres-one-by-one",
        }
    }

    /// Whether a PostgreSQL is to be started for it.
    fn is_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::PostgresOneByOne)
    }

    /// What is run to serve it.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::NoStore => "bench-no-store",
            Self::Sqlite | Self::Postgres => "serve",
            Self::SqliteOneByOne | Self::PostgresOneByOne => "bench-one-by-one",
        }
    }
}

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Point {
    pub(super) round: u32,
    pub(super) target: Target,
    pub(super) mix: Mix,
    pub(super) connections: usize,
    #[serde(flatten)]
    pub(super) load: Summary,
    /// Processor time of the server for a request, without its database's processes.
    pub(super) server_cpu_us_per_request: f64,
    /// Of the database's processes, if it has any.
    pub(super) database_cpu_us_per_request: Option<f64>,
    /// How often the disk was told to make safe what it has, if that is counted.
    pub(super) syncs_per_request: Option<f64>,
    pub(super) resident_kib: u64,
}

/// What was seen of a server beside its answers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Footprint {
    pub(super) round: u32,
    pub(super) target: Target,
    /// Before any load, on a new database.
    pub(super) idle_kib: u64,
    /// The highest under load.
    pub(super) peak_kib: u64,
    /// After a start on the database that the load has filled.
    pub(super) idle_filled_kib: u64,
    /// From the start of the process to the first good answer of /livez, on the filled database, sorted.
    pub(super) starts_ms: Vec<f64>,
}

/// Runs the benchmark, prints its tables and writes `target/bench/ingest.json`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let results = prepare(&options.folder)?;
    let work = tempfile::Builder::new().prefix("tollhouse-bench-").tempdir_in(&options.folder)?;
    let machine = Machine::describe(work.path(), options.targets.iter().any(|target| target.is_postgres()))?;
    let mut bench = Bench {
        options,
        // We run from the folder that cargo has just put the program into.
        program: std::env::current_exe()?.with_file_name("tollhouse"),
        results: &results,
        next_id: FIRST_ID,
        points: Vec::new(),
        footprints: Vec::new(),
    };
    for round in 1..=options.rounds {
        for &target in &options.targets {
            bench.measure(round, target, work.path())?;
        }
    }
    let report = Report {
        machine,
        seconds: options.seconds,
        warmup_seconds: options.warmup_seconds,
        rounds: options.rounds,
        points: bench.points,
        footprints: bench.footprints,
    };
    let json = results.join("ingest.json");
    report.write(&json)?;
    print!("\n{}", report.markdown());
    println!("\nAll numbers: {}", json.display());
    Ok(())
}

struct Bench<'a> {
    options: &'a Options,
    program: PathBuf,
    results: &'a Path,
    next_id: u64,
    points: Vec<Point>,
    footprints: Vec<Footprint>,
}

impl Bench<'_> {
    /// Measures one target on a new database.
    fn measure(&mut self, round: u32, target: Target, work: &Path) -> Result<()> {
        let folder = tempfile::tempdir_in(work)?;
        let log = self.results.join(format!("{}.log", target.name()));
        File::create(&log)?;
        // In the folder that was asked for and not in ours, which the server's user may not enter.
        let start = || start_cluster(&self.options.folder, self.results);
        let cluster = target.is_postgres().then(start).transpose()?;
        let environment = Environment {
            program: self.program.clone(),
            folder: folder.path().to_owned(),
            database: match &cluster {
                // As one would run it: the database on the same machine is reached by its socket.
                Some(cluster) => cluster.socket_url(),
                None => format!("sqlite://{}", folder.path().join("bench.db").display()),
            },
        };
        if target != Target::NoStore {
            environment.add_channel()?;
        }
        let serve = || environment.command(target.command());

        let server = Server::start(&mut serve(), &log)?;
        server::pause(SETTLE);
        let idle_kib = server.memory()?.resident_kib;
        for &mix in &self.options.mixes {
            for &connections in &self.options.connections {
                let watched = Watched { server: &server, cluster: cluster.as_ref(), folder: work };
                let point = self.measure_point(round, target, mix, connections, &watched)?;
                report::progress(&point);
                self.points.push(point);
            }
        }
        let peak_kib = server.memory()?.peak_kib;
        server.stop()?;

        let mut starts_ms = Vec::with_capacity(STARTS);
        let mut idle_filled_kib = 0;
        for start in 1..=STARTS {
            let server = Server::start(&mut serve(), &log)?;
            starts_ms.push(server.started_in.as_secs_f64() * 1e3);
            if start == STARTS {
                server::pause(SETTLE);
                idle_filled_kib = server.memory()?.resident_kib;
            }
            server.stop()?;
        }
        starts_ms.sort_by(f64::total_cmp);
        self.footprints.push(Footprint { round, target, idle_kib, peak_kib, idle_filled_kib, starts_ms });
        Ok(())
    }

    fn measure_point(
        &mut self,
        round: u32,
        target: Target,
        mix: Mix,
        connections: usize,
        watched: &Watched<'_>,
    ) -> Result<Point> {
        let server = watched.server;
        let &Options { seconds, warmup_seconds, .. } = self.options;
        let rate = if connections == 1 { SUPPLY_PER_SECOND_ONE_CONNECTION } else { SUPPLY_PER_SECOND };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred thousand")]
        let supply = ((seconds + warmup_seconds) * rate).ceil() as usize;
        let (first_id, before) = (self.next_id, watched.costs()?);
        self.next_id += supply as u64;
        let load = loadgen::load_from_outside(&loadgen::Options {
            address: server.address,
            connections,
            warmup_seconds,
            seconds,
            mix,
            first_id,
            supply,
            secret: SECRET.into(),
        })?;
        let after = watched.costs()?;
        let requests = load.answered_with_warmup.max(1) as f64;
        let us =
            |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64() * 1e6 / requests;
        Ok(Point {
            round,
            target,
            mix,
            connections,
            server_cpu_us_per_request: us(before.server, after.server),
            database_cpu_us_per_request: before
                .database
                .zip(after.database)
                .map(|(before, after)| us(before, after)),
            syncs_per_request: before
                .syncs
                .zip(after.syncs)
                .map(|(before, after)| after.saturating_sub(before) as f64 / requests),
            load,
            resident_kib: server.memory()?.resident_kib,
        })
    }
}

/// What costs something while a measurement runs.
struct Watched<'a> {
    server: &'a Server,
    cluster: Option<&'a Cluster>,
    /// On the disk of the databases.
    folder: &'a Path,
}

/// What it has cost so far.
struct Costs {
    server: Duration,
    database: Option<Duration>,
    syncs: Option<u64>,
}

impl Watched<'_> {
    fn costs(&self) -> Result<Costs> {
        let database = self.cluster.map(|cluster| server::cpu_time_of_postgres(&cluster.data()));
        Ok(Costs {
            server: self.server.cpu_time()?,
            database: database.transpose()?,
            syncs: machine::syncs(self.folder),
        })
    }
}

/// Starts a PostgreSQL whose log is that of one in use.
pub(super) fn start_cluster(folder: &Path, results: &Path) -> Result<Cluster> {
    let cluster = Cluster::start(folder, Durability::Disk, &results.join("postgresql.log"))?;
    cluster.age_log()?;
    Ok(cluster)
}

/// Builds the program as it is shipped; where the results go.
pub(super) fn prepare(folder: &Path) -> Result<PathBuf> {
    machine::check_disk(folder)?;
    println!("Building tollhouse with optimisations");
    let build = ["build", "--quiet", "--release", "--locked", "--package", "tollhouse"];
    process::run(Command::new("cargo").current_dir(repository()).args(build))?;
    let results = repository().join("target/bench");
    fs::create_dir_all(&results)?;
    Ok(results)
}

/// A new database with the benchmark's channel, and where what the program says goes. All of it ends with this.
pub(super) struct Stand {
    pub(super) environment: Environment,
    pub(super) log: PathBuf,
    pub(super) cluster: Option<Cluster>,
    _folder: TempDir,
}

impl Stand {
    /// Makes one in that folder; `name` is the benchmark's.
    pub(super) fn new(folder: &Path, name: &str, target: Target, results: &Path) -> Result<Self> {
        let own = tempfile::tempdir_in(folder)?;
        let log = results.join(format!("{name}-{}.log", target.name()));
        File::create(&log)?;
        let cluster = target.is_postgres().then(|| start_cluster(folder, results)).transpose()?;
        let environment = Environment {
            program: std::env::current_exe()?.with_file_name("tollhouse"),
            folder: own.path().to_owned(),
            database: match &cluster {
                Some(cluster) => cluster.socket_url(),
                None => format!("sqlite://{}", own.path().join("bench.db").display()),
            },
        };
        environment.add_channel()?;
        Ok(Self { environment, log, cluster, _folder: own })
    }
}

/// How the program is called.
pub(super) struct Environment {
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) database: String,
}

impl Environment {
    /// A command of the program with our configuration and nothing of the caller's.
    pub(super) fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TOLLHOUSE_") || name == "PORT" {
                command.env_remove(name);
            }
        }
        command
            .arg(subcommand)
            // Where no configuration file lies.
            .current_dir(&self.folder)
            .env("TOLLHOUSE_DATABASE_URL", &self.database)
            .env("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", SECRET)
            .env("TOLLHOUSE_TELEGRAM_MODE", "off");
        command
    }

    pub(super) fn add_channel(&self) -> Result<()> {
        let mut command = self.command("channel");
        command.args(["add", "--title=Bench", "--plan=Monthly=2.50 USD/30d"]);
        command.arg(format!("--private-chat={PRIVATE_CHAT}")).arg(format!("--public-chat={PUBLIC_CHAT}"));
        process::read(&mut command).map(drop).context("cannot register the channel")
    }
}
