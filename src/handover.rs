//! The listening socket, and how it outlives the process: a new gateway takes it over from the one that runs.
//!
//! A gateway that is started at an address where another one listens does not bind, it asks that one for its socket. From then on both
//! accept from the same queue, and when the older one is told to stop it leaves the queue to the newer: nothing that has ever been
//! connected is refused or reset. The older one also hands over each connection at the moment when no request is on it, so that clients
//! notice nothing at all. (Two sockets under `SO_REUSEPORT` would not do: what waits in the queue of the one that closes is reset.)
//!
//! The two meet at a Unix socket whose name is made of the listening address. It lies in Linux' abstract namespace, which belongs to the
//! network namespace as the address itself does, and leaves no file behind. Who may come is decided by the kernel's word on the other
//! end: the same user or root, both ways. Elsewhere than on Linux a gateway only binds.
//!
//! Where systemd has bound the socket (`LISTEN_FDS`), it is taken from there.

use std::{
    io::{self, ErrorKind, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{SocketAddr as Name, UnixListener as StdUnixListener, UnixStream as StdUnixStream},
    },
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{clock::Clock, limits};

/// What a gateway listens on, and what it was given by the one before it.
pub struct ListeningSocket {
    /// The listening socket.
    pub socket: Arc<TcpListener>,
    /// Connections that the gateway before this one hands over.
    pub inherited: Option<mpsc::Receiver<TcpStream>>,
    /// The ledger of the gateway before this one.
    before: Option<Uuid>,
}

impl ListeningSocket {
    /// Opens the listening_socket at this address: the socket that systemd has bound, one of our own, or that of the gateway which listens there.
    pub async fn open(address: SocketAddr, clock: Clock) -> anyhow::Result<Self> {
        if let Some(socket) = from_systemd()? {
            return Ok(Self::new(socket));
        }
        let until = clock.deadline(limits::TAKE_OVER_ASK_TIMEOUT);
        loop {
            match TcpListener::bind(address).await {
                Ok(socket) => return Ok(Self::new(socket)),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    match take_over(address).await {
                        Ok(listening_socket) => return Ok(listening_socket),
                        // The one who listens may be just starting or just gone; who does not answer for long is no gateway of ours.
                        Err(refusal) if clock.is_past(until) => {
                            tracing::debug!(error = %refusal, "the socket in use was not handed over");
                            return Err(error).with_context(|| format!("{address} cannot be listened on"));
                        }
                        Err(_) => sleep(limits::TAKE_OVER_RETRY_DELAY).await,
                    }
                }
                Err(error) => return Err(error).with_context(|| format!("{address} cannot be listened on")),
            }
        }
    }

    fn new(socket: TcpListener) -> Self {
        Self { socket: Arc::new(socket), inherited: None, before: None }
    }

    /// Whether another gateway still has this socket, or had it a moment ago.
    pub fn is_taken_over(&self) -> bool {
        self.before.is_some()
    }

    /// Two gateways on one socket must have the same ledger, or half of all tickets would be unknown.
    pub fn is_fit_for(&self, ledger: Uuid) -> anyhow::Result<()> {
        let fit = self.before.is_none_or(|before| before == ledger);
        anyhow::ensure!(fit, "the gateway that listens at {} has another ledger", self.socket.local_addr()?);
        Ok(())
    }
}

fn from_systemd() -> anyhow::Result<Option<TcpListener>> {
    let given = listenfd::ListenFd::from_env().take_tcp_listener(0).context("LISTEN_FDS names no listening TCP socket")?;
    given.map(listening).transpose().context("the socket of LISTEN_FDS cannot be used")
}

fn listening(socket: StdListener) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Asks the gateway that listens at this address for its socket.
async fn take_over(address: SocketAddr) -> io::Result<ListeningSocket> {
    let line = StdUnixStream::connect_addr(&meeting_point(address)?)?;
    line.set_nonblocking(true)?;
    let line = UnixStream::from_std(line)?;
    is_one_of_us(&line, false)?;
    let mut ledger = Uuid::nil().into_bytes();
    let handed = timeout(limits::TAKE_OVER_ASK_TIMEOUT, receive(&line, &mut ledger)).await??;
    let socket = StdListener::from(handed.ok_or(ErrorKind::UnexpectedEof)?);
    if !socket2::SockRef::from(&socket).is_listener()? || socket.local_addr()? != address {
        return Err(io::Error::new(ErrorKind::InvalidData, "what was handed over does not listen there"));
    }
    let (found, inherited) = mpsc::channel(limits::CONNECTIONS_MAX);
    // Ends when the older gateway does.
    tokio::spawn(inherit(line, found));
    tracing::info!(%address, "the gateway that listens here hands its socket over");
    Ok(ListeningSocket { socket: Arc::new(listening(socket)?), inherited: Some(inherited), before: Some(Uuid::from_bytes(ledger)) })
}

/// Takes the connections that the older gateway hands over, also while the ledger is still being opened.
async fn inherit(line: UnixStream, found: mpsc::Sender<TcpStream>) {
    let mut mark = [0];
    loop {
        let stream = match receive(&line, &mut mark).await {
            Ok(Some(stream)) => StdStream::from(stream),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the gateway before this one could not hand everything over");
                return;
            }
        };
        let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
        if let Ok(stream) = stream
            && found.send(stream).await.is_err()
        {
            return;
        }
    }
}

/// Where a gateway waits for the next one.
pub struct Offer {
    successor: Arc<Mutex<Option<UnixStream>>>,
    came: Arc<Notify>,
    waiting: JoinHandle<()>,
}

impl Offer {
    /// Waits for the next gateway, and gives it the socket.
    pub fn make(socket: Arc<TcpListener>, ledger: Uuid) -> Self {
        let (successor, came) = (Arc::default(), Arc::default());
        let waiting = tokio::spawn(wait_for_heirs(socket, ledger, Arc::clone(&successor), Arc::clone(&came)));
        Self { successor, came, waiting }
    }

    /// The gateway that has taken the socket last, if it lives, or one that comes within this time. No further one is waited for.
    pub async fn successor_within(self, time: Duration) -> Option<Successor> {
        let successor = timeout(time, async {
            loop {
                match self.living_heir() {
                    Some(successor) => return successor,
                    None => self.came.notified().await,
                }
            }
        });
        successor.await.ok().map(Successor)
    }

    fn living_heir(&self) -> Option<UnixStream> {
        let line = self.successor.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        // An successor says nothing; what can be read is its end.
        let alive = matches!(line.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        alive.then_some(line)
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        self.waiting.abort();
    }
}

/// The gateway that goes on where this one stops.
pub struct Successor(UnixStream);

impl Successor {
    /// Hands connections over until it is told that there are no more.
    pub async fn take_all(self, mut connections: mpsc::Receiver<StdStream>, done: CancellationToken) {
        loop {
            let stream = tokio::select! {
                biased;
                Some(stream) = connections.recv() => stream,
                () = done.cancelled() => return,
            };
            let sent = timeout(limits::TAKE_OVER_ASK_TIMEOUT, send(&self.0, &[0], &stream)).await;
            if let Ok(Err(error)) | Err(error) = sent.map_err(io::Error::from) {
                tracing::warn!(%error, "a connection could not be handed over");
            }
        }
    }
}

async fn wait_for_heirs(socket: Arc<TcpListener>, ledger: Uuid, successor: Arc<Mutex<Option<UnixStream>>>, came: Arc<Notify>) {
    let Some(waiting) = meet(&socket).await else { return };
    loop {
        let given = match waiting.accept().await {
            Ok((line, _)) => give(line, &socket, ledger).await,
            Err(error) => Err(error),
        };
        match given {
            Ok(line) => {
                *successor.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
                came.notify_one();
            }
            Err(error) => {
                tracing::warn!(%error, "the listening socket was not handed over");
                sleep(limits::ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Opens the meeting point; while an older gateway is still there, as soon as it is gone.
async fn meet(socket: &TcpListener) -> Option<UnixListener> {
    loop {
        let bound = socket.local_addr().and_then(meeting_point).and_then(|name| StdUnixListener::bind_addr(&name));
        match bound.and_then(|bound| bound.set_nonblocking(true).and_then(|()| UnixListener::from_std(bound))) {
            Ok(waiting) => return Some(waiting),
            Err(error) if error.kind() == ErrorKind::AddrInUse => sleep(limits::TAKE_OVER_RETRY_DELAY).await,
            Err(error) => {
                tracing::info!(%error, "no other gateway can take this one's socket over");
                return None;
            }
        }
    }
}

async fn give(line: UnixStream, socket: &TcpListener, ledger: Uuid) -> io::Result<UnixStream> {
    is_one_of_us(&line, true)?;
    timeout(limits::TAKE_OVER_ASK_TIMEOUT, send(&line, ledger.as_bytes(), socket)).await??;
    Ok(line)
}

/// The same user. Root may take over another user's socket, but no other user may take over from root.
fn is_one_of_us(line: &UnixStream, or_root: bool) -> io::Result<()> {
    let (peer, own) = (line.peer_cred()?.uid(), rustix::process::geteuid().as_raw());
    if peer == own || (or_root && peer == 0) {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::PermissionDenied, format!("user {peer} is at the other end")))
}

#[cfg(target_os = "linux")]
fn meeting_point(address: SocketAddr) -> io::Result<Name> {
    use std::os::linux::net::SocketAddrExt;
    Name::from_abstract_name(format!("stagedoor/{address}"))
}

#[cfg(not(target_os = "linux"))]
fn meeting_point(_: SocketAddr) -> io::Result<Name> {
    Err(ErrorKind::Unsupported.into())
}

/// Sends a few bytes, and with them a descriptor.
async fn send(line: &UnixStream, bytes: &[u8], what: impl AsFd) -> io::Result<()> {
    let sent = line.async_io(Interest::WRITABLE, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [what.as_fd()];
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(ErrorKind::OutOfMemory.into());
        }
        Ok(sendmsg(line, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
    });
    if sent.await? == bytes.len() { Ok(()) } else { Err(ErrorKind::WriteZero.into()) }
}

/// Receives as many bytes, and the descriptor that came with them; none at the end.
async fn receive(line: &UnixStream, bytes: &mut [u8]) -> io::Result<Option<OwnedFd>> {
    let expected = bytes.len();
    let (read, descriptor) = line
        .async_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let received = recvmsg(line, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
            let descriptor = control.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
                _ => None,
            });
            Ok((received.bytes, descriptor))
        })
        .await?;
    match (read, descriptor) {
        (0, _) => Ok(None),
        (read, Some(descriptor)) if read == expected => Ok(Some(descriptor)),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}
