//! The listening socket, and its takeover: a new gateway can take it over from the running one, so that it outlives the process.
//!
//! A gateway that is started at an address where another gateway listens does not bind: it requests the socket of that gateway. From then on
//! both accept from the same queue. When the older gateway stops, the newer one keeps accepting: no connection is refused or reset. The older
//! gateway also hands over each connection at a moment when no request is in progress on it, so that clients see no interruption. (Two
//! sockets with `SO_REUSEPORT` would not do: connections in the queue of the socket that is closed are reset.)
//!
//! The two gateways connect through a Unix socket whose name is made of the listening address. It is in Linux' abstract namespace, which
//! belongs to the network namespace as the address itself does, and leaves no file behind. Access is decided by the peer credentials that
//! the kernel reports: the older gateway accepts its own user and root, the newer one its own user only. On other systems a gateway only
//! binds.
//!
//! If systemd has bound the socket (`LISTEN_FDS`), that socket is used.

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

use crate::{clock, limits};

/// The listening socket of a gateway, and what the previous gateway hands over.
pub struct ListeningSocket {
    /// Accepts the connections; a successor shares it.
    pub socket: Arc<TcpListener>,
    /// Connections that the previous gateway hands over.
    pub inherited: Option<mpsc::Receiver<TcpStream>>,
    /// The id of the previous gateway's ledger; none if the socket was not taken over.
    previous_ledger: Option<Uuid>,
}

impl ListeningSocket {
    /// Opens the socket at this address: the one that systemd has bound, a new one, or that of the gateway that listens there.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        if let Some(socket) = from_systemd()? {
            return Ok(Self::new(socket));
        }
        let until = clock::deadline(limits::TAKE_OVER_ASK_TIMEOUT);
        loop {
            match TcpListener::bind(address).await {
                Ok(socket) => return Ok(Self::new(socket)),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    match take_over(address).await {
                        Ok(listening_socket) => return Ok(listening_socket),
                        // The other process may be starting or ending, so this tries again; if it never answers, it is not a gateway.
                        Err(refusal) if clock::is_past(until) => {
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
        Self { socket: Arc::new(socket), inherited: None, previous_ledger: None }
    }

    /// Whether the socket was taken over from another gateway.
    pub fn is_taken_over(&self) -> bool {
        self.previous_ledger.is_some()
    }

    /// Fails if the previous gateway has another ledger: with two ledgers on one socket, half of all tickets would be unknown.
    pub fn ensure_same_ledger(&self, ledger: Uuid) -> anyhow::Result<()> {
        let same = self.previous_ledger.is_none_or(|previous| previous == ledger);
        anyhow::ensure!(same, "the gateway that listens at {} has another ledger", self.socket.local_addr()?);
        Ok(())
    }
}

fn from_systemd() -> anyhow::Result<Option<TcpListener>> {
    let given = listenfd::ListenFd::from_env().take_tcp_listener(0).context("LISTEN_FDS names no listening TCP socket")?;
    given.map(to_tokio_listener).transpose().context("the socket of LISTEN_FDS cannot be used")
}

fn to_tokio_listener(socket: StdListener) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Requests the socket of the gateway that listens at this address.
async fn take_over(address: SocketAddr) -> io::Result<ListeningSocket> {
    let channel = StdUnixStream::connect_addr(&control_name(address)?)?;
    channel.set_nonblocking(true)?;
    let channel = UnixStream::from_std(channel)?;
    check_peer(&channel, false)?;
    let mut ledger = Uuid::nil().into_bytes();
    let handed = timeout(limits::TAKE_OVER_ASK_TIMEOUT, receive(&channel, &mut ledger)).await??;
    let socket = StdListener::from(handed.ok_or(ErrorKind::UnexpectedEof)?);
    if !socket2::SockRef::from(&socket).is_listener()? || socket.local_addr()? != address {
        return Err(io::Error::new(ErrorKind::InvalidData, "the socket that was handed over does not listen there"));
    }
    let (sender, inherited) = mpsc::channel(limits::CONNECTIONS_MAX);
    // Ends with the older gateway.
    tokio::spawn(receive_connections(channel, sender));
    tracing::info!(%address, "the gateway that listens here hands its socket over");
    Ok(ListeningSocket {
        socket: Arc::new(to_tokio_listener(socket)?),
        inherited: Some(inherited),
        previous_ledger: Some(Uuid::from_bytes(ledger)),
    })
}

/// Receives connections from the older gateway, also while the ledger is still being opened.
async fn receive_connections(channel: UnixStream, sender: mpsc::Sender<TcpStream>) {
    let mut mark = [0];
    loop {
        let stream = match receive(&channel, &mut mark).await {
            Ok(Some(stream)) => StdStream::from(stream),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the previous gateway could not hand everything over");
                return;
            }
        };
        let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
        if let Ok(stream) = stream
            && sender.send(stream).await.is_err()
        {
            return;
        }
    }
}

/// Offers the listening socket to the next gateway.
pub struct SocketOffer {
    successor: Arc<Mutex<Option<UnixStream>>>,
    connected: Arc<Notify>,
    task: JoinHandle<()>,
}

impl SocketOffer {
    /// Starts a task that gives the socket to each gateway that requests it.
    pub fn open(socket: Arc<TcpListener>, ledger: Uuid) -> Self {
        let (successor, connected) = (Arc::default(), Arc::default());
        let task = tokio::spawn(give_to_successors(socket, ledger, Arc::clone(&successor), Arc::clone(&connected)));
        Self { successor, connected, task }
    }

    /// The gateway that has taken the socket last, if it is alive, or one that takes it within this time. The offer ends with this call.
    pub async fn successor_within(self, time: Duration) -> Option<Successor> {
        let successor = timeout(time, async {
            loop {
                match self.live_successor() {
                    Some(successor) => return successor,
                    None => self.connected.notified().await,
                }
            }
        });
        successor.await.ok().map(Successor)
    }

    fn live_successor(&self) -> Option<UnixStream> {
        let channel = self.successor.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        // A successor never sends; a readable channel means that it has ended.
        let alive = matches!(channel.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        alive.then_some(channel)
    }
}

impl Drop for SocketOffer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The gateway that takes over the socket and the connections.
pub struct Successor(UnixStream);

impl Successor {
    /// Hands connections over until `done` is cancelled.
    pub async fn send_all(self, mut connections: mpsc::Receiver<StdStream>, done: CancellationToken) {
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

async fn give_to_successors(socket: Arc<TcpListener>, ledger: Uuid, successor: Arc<Mutex<Option<UnixStream>>>, connected: Arc<Notify>) {
    let Some(listener) = bind_control_socket(&socket).await else { return };
    loop {
        let given = match listener.accept().await {
            Ok((channel, _)) => give(channel, &socket, ledger).await,
            Err(error) => Err(error),
        };
        match given {
            Ok(channel) => {
                *successor.lock().unwrap_or_else(PoisonError::into_inner) = Some(channel);
                connected.notify_one();
            }
            Err(error) => {
                tracing::warn!(%error, "the listening socket was not handed over");
                sleep(limits::ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Binds the Unix socket; while an older gateway still has its name, this waits until that gateway has ended.
async fn bind_control_socket(socket: &TcpListener) -> Option<UnixListener> {
    loop {
        let bound = socket.local_addr().and_then(control_name).and_then(|name| StdUnixListener::bind_addr(&name));
        match bound.and_then(|bound| bound.set_nonblocking(true).and_then(|()| UnixListener::from_std(bound))) {
            Ok(listener) => return Some(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => sleep(limits::TAKE_OVER_RETRY_DELAY).await,
            Err(error) => {
                tracing::info!(%error, "no other gateway can take this one's socket over");
                return None;
            }
        }
    }
}

async fn give(channel: UnixStream, socket: &TcpListener, ledger: Uuid) -> io::Result<UnixStream> {
    check_peer(&channel, true)?;
    timeout(limits::TAKE_OVER_ASK_TIMEOUT, send(&channel, ledger.as_bytes(), socket)).await??;
    Ok(channel)
}

/// Accepts the own user, and root if `or_root`. A gateway of root takes no socket from another user.
fn check_peer(channel: &UnixStream, or_root: bool) -> io::Result<()> {
    let (peer, own) = (channel.peer_cred()?.uid(), rustix::process::geteuid().as_raw());
    if peer == own || (or_root && peer == 0) {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::PermissionDenied, format!("user {peer} is at the other end")))
}

#[cfg(target_os = "linux")]
fn control_name(address: SocketAddr) -> io::Result<Name> {
    use std::os::linux::net::SocketAddrExt;
    Name::from_abstract_name(format!("stagedoor/{address}"))
}

#[cfg(not(target_os = "linux"))]
fn control_name(_: SocketAddr) -> io::Result<Name> {
    Err(ErrorKind::Unsupported.into())
}

/// Sends a few bytes together with a file descriptor.
async fn send(channel: &UnixStream, bytes: &[u8], descriptor: impl AsFd) -> io::Result<()> {
    let sent = channel.async_io(Interest::WRITABLE, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [descriptor.as_fd()];
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(ErrorKind::OutOfMemory.into());
        }
        Ok(sendmsg(channel, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
    });
    if sent.await? == bytes.len() { Ok(()) } else { Err(ErrorKind::WriteZero.into()) }
}

/// Receives that many bytes and the file descriptor that came with them; none at the end of the channel.
async fn receive(channel: &UnixStream, bytes: &mut [u8]) -> io::Result<Option<OwnedFd>> {
    let expected = bytes.len();
    let (read, descriptor) = channel
        .async_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let received = recvmsg(channel, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
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
