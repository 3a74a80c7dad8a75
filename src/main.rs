//! The commands. Each opens what it needs, does one thing, and says in a sentence what went wrong.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the person who called it")]

use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use stagedoor::{
    authenticate::keys::rotate::Old,
    config::{Config, LogFormat},
    control_socket::{self, ControlCommand},
    demo,
    event::{
        TicketStatus,
        import::{report::Report, store::Import},
        upload::RejectedRow,
    },
    gateway::{self, Gateway},
    ids::EventId,
    session::view::OrganisationRef,
    team::organisation::{self, NewOrganisation},
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The gateway on the door path of live events: phones scan tickets, terminals sell them, and every green light is in the ledger first.
#[derive(Parser)]
#[command(name = "stagedoor", version, after_long_help = Config::settings_help())]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    ///
    /// Without settings it listens on 127.0.0.1:8080 and keeps its ledger in a SQLite file. With STAGEDOOR_DATABASE_URL and
    /// STAGEDOOR_REDIS_URL any number of gateways share one ledger. SIGTERM finishes what was begun and stops.
    #[command(after_long_help = Config::settings_help())]
    Serve,
    /// Run the gateway on a filled organisation, to try everything out. Writes demo.json to the data directory.
    ///
    /// The organisation "demo" has a user per role, ten scanners and four tills to enrol, and four events with tickets to scan and to
    /// sell. Started again it keeps what happened, gives new enrolment codes, and moves the live events to now.
    #[command(after_long_help = Config::settings_help())]
    Demo,
    /// Take over the tickets of another system's export into an event.
    ///
    /// Reads what pretix writes, in all its languages: check-in lists with codes, valid check-in codes and order data, as CSV, Excel file
    /// or JSON, packed with gzip or not. The format is recognised by the content.
    ///
    /// Ticket types are matched by name; those that the event lacks are made with quota 0, so that none is sold before you say so.
    /// Tickets are matched by code: the same file again changes nothing, a newer one brings them up to date. A ticket's own window of
    /// validity is taken over, unless it lies wholly outside of the event's time. Earlier check-ins are carried over as movements.
    ///
    /// Each row that is rejected is reported on standard error with its number and the reason. Fails if no row was accepted.
    ImportTickets(ImportTickets),
    /// Make an organisation with its first administrator, whose password is read from standard input.
    CreateOrganisation(CreateOrganisation),
    /// Put a new signing key in the place of the active one, while gateways run.
    ///
    /// New tokens are signed with the new key at once, and tokens of the old one are accepted until they are too old: no session
    /// ends and nothing is restarted. Run it beside gateways on Postgres, or with the same settings as the embedded gateway, which it
    /// then asks to do it. When a key has leaked, forget it as well: its tokens answer token_invalid on every gateway by the time that
    /// the command ends, people sign in again, and devices that were enrolled under it are enrolled again.
    #[command(after_long_help = Config::settings_help())]
    RotateKeys(RotateKeys),
    /// List the signing keys: their names, when they were made and retired, and until when their tokens are accepted.
    #[command(after_long_help = Config::settings_help())]
    Keys,
}

#[derive(Args)]
struct RotateKeys {
    /// Forget this key, and with it every token that it has signed. May be given several times.
    #[arg(long, value_name = "KID")]
    forget: Vec<String>,
    /// Forget every key but the new one: all members sign in again, all devices are enrolled again.
    #[arg(long)]
    forget_all: bool,
}

#[derive(Args)]
struct ImportTickets {
    /// The event's id.
    #[arg(long, value_name = "ID")]
    event: uuid::Uuid,
    /// Tell what would be done, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON, and nothing else, on standard output.
    #[arg(long)]
    json: bool,
    /// Write a CSV with a line for each row of the export: its number and code, whether it was taken, in which state, and why not.
    #[arg(long, value_name = "CSV")]
    rows: Option<PathBuf>,
    /// The export.
    file: PathBuf,
}

#[derive(Args)]
struct CreateOrganisation {
    /// Its name in addresses and at sign-in: lower-case letters, digits and dashes.
    #[arg(long, value_name = "S")]
    slug: String,
    /// Its name for people.
    #[arg(long, value_name = "N")]
    name: String,
    /// The administrator's user name.
    #[arg(long, value_name = "U")]
    admin_username: String,
    /// The administrator's e-mail address.
    #[arg(long, value_name = "E")]
    admin_email: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    // Only a test build has points to die at.
    let _points = fail::has_failpoints().then(fail::FailScenario::setup);
    let arguments = Arguments::parse();
    match run(arguments.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stagedoor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    let config = Config::load(environment()?)?;
    log_to_stderr(&config)?;
    match command {
        Command::Serve => serve(&config).await,
        Command::Demo => run_demo(&config).await,
        Command::ImportTickets(what) => import_tickets(&config, what).await,
        Command::CreateOrganisation(what) => create_organisation(&config, what).await,
        Command::RotateKeys(what) => {
            run_command(&config, ControlCommand::RotateKeys(Old { forget: what.forget, forget_all: what.forget_all })).await
        }
        Command::Keys => run_command(&config, ControlCommand::ListKeys).await,
    }
}

fn environment() -> anyhow::Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if name.starts_with("STAGEDOOR_") => bail!("{name} is not UTF-8"),
            Err(_) => {}
        }
    }
    Ok(variables)
}

fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log).context("STAGEDOOR_LOG is no filter")?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
    }
    Ok(())
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    survive_file_limits()?;
    // Heard while it starts as well: it may have connections in its hands that another gateway has left to it.
    let stop = StopSignal::new()?;
    let gateway = Gateway::start(config).await?;
    println!("listening on http://{}", gateway.address());
    stop.received().await;
    gateway.stop().await;
    Ok(())
}

async fn run_demo(config: &Config) -> anyhow::Result<()> {
    survive_file_limits()?;
    let stop = StopSignal::new()?;
    let listening = gateway::bind(config).await?;
    let state = gateway::open_at(config, &listening).await?;
    let base_url = format!("http://{}", listening.socket.local_addr()?);
    let filled = demo::fill(&state, &base_url).await?;
    let written = demo::write(&filled, &config.data_dir)?;
    let gateway = Gateway::serve(config, state, listening, &filled.examples).await?;
    println!("listening on {base_url}");
    println!("{}", demo::what_to_try(&filled, &written));
    stop.received().await;
    gateway.stop().await;
    Ok(())
}

async fn import_tickets(config: &Config, what: ImportTickets) -> anyhow::Result<()> {
    let name = what.file.display().to_string();
    let file = std::fs::File::open(&what.file).with_context(|| name.clone())?;
    let state = gateway::open(config).await?;
    let bar = progress_bar();
    let progress = |done: u64, rows: Option<u64>| {
        bar.set_length(rows.unwrap_or(done));
        bar.set_position(done);
    };
    let rows = RowFile::create(what.rows.as_deref())?;
    let observer = |row: u64, code: Option<&str>, became: Result<TicketStatus, &str>| rows.write(row, code, became);
    let import = Import {
        dry_run: what.dry_run,
        progress: &progress,
        observer: &observer,
        ..Import::by_operator(&state.ledger, state.clock, EventId(what.event))
    };
    let made = import.make(file).await;
    bar.finish_and_clear();
    state.ledger.close().await;
    let report = made.with_context(|| name.clone())?;
    rows.finish()?;
    if what.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print_report(&report);
    }
    if report.taken() == 0 {
        bail!("{name}: nothing was imported");
    }
    Ok(())
}

/// What became of each row, as a CSV, if it is wanted.
struct RowFile(Option<Mutex<RowWriter>>);

struct RowWriter {
    csv: csv::Writer<std::fs::File>,
    failed: Option<csv::Error>,
}

impl RowFile {
    fn create(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        let mut csv = csv::Writer::from_path(path).with_context(|| format!("{}", path.display()))?;
        csv.write_record(["row", "code", "outcome", "status", "reason"])?;
        Ok(Self(Some(Mutex::new(RowWriter { csv, failed: None }))))
    }

    fn write(&self, row: u64, code: Option<&str>, became: Result<TicketStatus, &str>) {
        let Some(writer) = &self.0 else { return };
        let RowWriter { csv, failed } = &mut *writer.lock().unwrap_or_else(PoisonError::into_inner);
        let (outcome, status, reason) = match became {
            Ok(status) => ("taken", status.as_str(), ""),
            Err(reason) => ("rejected", "", reason),
        };
        if let Err(error) = csv.write_record([&row.to_string(), code.unwrap_or_default(), outcome, status, reason]) {
            failed.get_or_insert(error);
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        let Some(writer) = self.0 else { return Ok(()) };
        let RowWriter { mut csv, failed } = writer.into_inner().unwrap_or_else(PoisonError::into_inner);
        match failed {
            Some(error) => Err(error).context("the tickets are imported, but the file of rows is not whole"),
            None => Ok(csv.flush()?),
        }
    }
}

/// On a terminal; into a file or a pipe nothing is drawn.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} rows, {per_sec}, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn print_report(report: &Report) {
    for RejectedRow { row, code, detail } in &report.rejected {
        match code {
            Some(code) => eprintln!("row {row}, {code}: {detail}"),
            None => eprintln!("row {row}: {detail}"),
        }
    }
    let named = u64::try_from(report.rejected.len()).unwrap_or(u64::MAX);
    if report.rejected_total > named {
        eprintln!("and {} further rows that were not taken", report.rejected_total - named);
    }
    print!("{report}");
}

async fn create_organisation(config: &Config, what: CreateOrganisation) -> anyhow::Result<()> {
    if std::io::stdin().is_terminal() {
        eprintln!("The administrator’s password, then Enter:");
    }
    let mut password = String::new();
    let mut input = std::io::stdin().lock().take(4_096);
    std::io::BufRead::read_line(&mut std::io::BufReader::new(&mut input), &mut password).context("the password cannot be read")?;
    let state = gateway::open(config).await?;
    let new = NewOrganisation {
        slug: what.slug,
        name: what.name,
        admin_username: what.admin_username,
        admin_email: what.admin_email,
        password: password.trim_end_matches(['\r', '\n']).to_owned(),
    };
    let made = organisation::create(&state.ledger, &state.team.passwords, state.clock, new).await;
    let (organisation, membership, user) = made.map_err(|error| match error {
        stagedoor::team::TeamError::Invalid(faults) => {
            let said: Vec<String> =
                faults.into_vec().into_iter().map(|f| format!("{} {}", f.pointer.trim_start_matches('/'), f.detail)).collect();
            anyhow::anyhow!("{}", said.join("; "))
        }
        other => other.into(),
    })?;
    let organisation = OrganisationRef { id: organisation.id.0, name: organisation.name, slug: organisation.slug };
    let user = serde_json::json!({ "id": user.id, "username": membership.username, "email": user.email, "role": membership.role });
    println!("{}", serde_json::json!({ "organisation": organisation, "user": user }));
    state.ledger.close().await;
    Ok(())
}

async fn run_command(config: &Config, command: ControlCommand) -> anyhow::Result<()> {
    println!("{}", control_socket::run(config, &command).await?);
    Ok(())
}

/// A file that may not grow any more (`ulimit -f`) is a full disk for the writer, and not the end of the process.
fn survive_file_limits() -> anyhow::Result<()> {
    // A process that has once handled the signal does not die of it, also when no handler is left.
    drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
    Ok(())
}

/// SIGTERM or Ctrl-C, received from the moment that this is made.
struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::info!("stopping: nothing new is taken in, what was begun is finished");
    }
}
