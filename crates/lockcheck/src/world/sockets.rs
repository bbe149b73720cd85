//! Which sockets of this system are connected to which, asked of the kernel: `unix_diag`, and the table of TCP
//! connections (`/proc/net/tcp`), in which both ends of one that does not leave the system stand, each as the other's
//! mirror image. Only sockets between processes of one system are known; for any other, the other end is the world.

use std::collections::{BTreeMap, BTreeSet};

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};

/// The kernel's numbers for the request and its parts (`linux/sock_diag.h`, `linux/unix_diag.h`, `linux/netlink.h`).
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const UDIAG_SHOW_NAME: u32 = 1;
const UDIAG_SHOW_PEER: u32 = 4;
const UNIX_DIAG_NAME: u16 = 0;
const UNIX_DIAG_PEER: u16 = 2;
/// Bytes of `nlmsghdr`, of `unix_diag_msg`, and of an attribute's head.
const HEADER: usize = 16;
const MESSAGE: usize = 16;
const ATTRIBUTE: usize = 4;

/// The connected sockets.
#[derive(Debug, Default)]
pub struct Sockets {
    /// For each socket that only one other can send to, that one. Both by inode.
    peers: BTreeMap<u64, u64>,
    /// Those of them that are TCP's.
    tcp: BTreeSet<u64>,
}

impl Sockets {
    /// Asks the kernel; nothing is known where it does not answer.
    pub fn read() -> Sockets {
        let mut sockets = Sockets::default();
        // Half an answer would not be wrong, only less.
        let _ = sockets.ask();
        // Of the namespace that this process is in: a connection in another one has numbers that are not known here.
        let table = |name: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{name}"));
        sockets.pair(&[table("tcp").unwrap_or_default(), table("tcp6").unwrap_or_default()].concat());
        sockets
    }

    /// Whether the socket is one whose connection has an end of its own if nobody answers.
    pub fn is_tcp(&self, inode: u64) -> bool {
        self.tcp.contains(&inode)
    }

    /// Finds the connections whose two ends are both in the table.
    fn pair(&mut self, table: &str) {
        let mut ends: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
        for connection in table.lines().filter_map(Connection::parse) {
            ends.entry((connection.here, connection.there)).or_default().push(connection.inode);
        }
        for ((here, there), inodes) in &ends {
            let mirror = ends.get(&(there.clone(), here.clone()));
            if let ([inode], Some([peer])) = (&inodes[..], mirror.map(|mirror| &mirror[..])) {
                self.peers.insert(*inode, *peer);
                self.tcp.insert(*inode);
            }
        }
    }

    /// The other end of a socket, if there is exactly one and it is known.
    pub fn peer(&self, inode: u64) -> Option<u64> {
        self.peers.get(&inode).copied()
    }

    /// Whether calls on a process's socket have no timeout of the socket's own.
    pub fn never_times_out(&self, pid: i32, fd: i32) -> bool {
        use rustix::net::sockopt::{Timeout, socket_timeout};
        let timeout = || {
            let fd = (fd >= 0).then_some(fd)?;
            let process = rustix::process::pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
            // The copy is ours for a moment: nothing but this question is done with it.
            let copy = rustix::process::pidfd_getfd(process, fd, PidfdGetfdFlags::empty()).ok()?;
            // Other sockets than TCP's have none.
            let unanswered = rustix::net::sockopt::tcp_user_timeout(&copy).unwrap_or(0);
            let timeouts = [Timeout::Recv, Timeout::Send].map(|which| socket_timeout(&copy, which));
            Some((unanswered, timeouts.map(|timeout| timeout.ok())))
        };
        timeout() == Some((0, [Some(None), Some(None)]))
    }

    fn ask(&mut self) -> rustix::io::Result<()> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&socket, &request(), SendFlags::empty(), &kernel)?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let (length, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
            if length == 0 || !self.take(&buffer[..length]) {
                return Ok(());
            }
        }
    }

    /// Takes the messages of one datagram; whether there are more to come.
    fn take(&mut self, mut bytes: &[u8]) -> bool {
        while let Some(length) = u32_at(bytes, 0).map(|length| length as usize) {
            let kind = u16_at(bytes, 4).unwrap_or(NLMSG_ERROR);
            if kind == NLMSG_DONE || kind == NLMSG_ERROR || length < HEADER || length > bytes.len() {
                return false;
            }
            self.message(&bytes[HEADER..length]);
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        true
    }

    /// One socket: its kind, its number, its attributes.
    fn message(&mut self, bytes: &[u8]) -> Option<()> {
        let stream = *bytes.get(1)? != libc::SOCK_DGRAM as u8;
        let inode = u32_at(bytes, 4)?.into();
        let (mut named, mut peer) = (false, None);
        let mut attributes = bytes.get(MESSAGE..)?;
        while let (Some(length), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) {
            let length = usize::from(length);
            if length < ATTRIBUTE || length > attributes.len() {
                break;
            }
            match kind {
                UNIX_DIAG_NAME => named = true,
                UNIX_DIAG_PEER => peer = u32_at(attributes, ATTRIBUTE),
                _ => {}
            }
            attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        // Anybody may send a datagram to a name.
        if let Some(peer) = peer.filter(|&peer| peer != 0 && (stream || !named)) {
            self.peers.insert(inode, peer.into());
        }
        Some(())
    }
}

/// An end of a TCP connection on which nothing is under way.
#[derive(PartialEq, Eq, Debug)]
struct Connection {
    here: String,
    there: String,
    inode: u64,
}

impl Connection {
    /// `sl local remote state tx:rx timer:when retransmits uid timeout inode ...`.
    fn parse(line: &str) -> Option<Connection> {
        const ESTABLISHED: &str = "01";
        /// The timer waits for an answer to data that was sent: what comes of it is not known yet.
        const RETRANSMITS: &str = "01";
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, here, there, ESTABLISHED, _, timer, _, _, _, inode, ..] = words[..] else { return None };
        let (timer, _) = timer.split_once(':')?;
        // A connection that nobody has accepted yet has no inode.
        let inode = inode.parse().ok().filter(|&inode| inode != 0 && timer != RETRANSMITS)?;
        // An address of version 4 that a socket of version 6 has.
        let plain = |address: &str| address.trim_start_matches("0000000000000000FFFF0000").to_owned();
        Some(Connection { here: plain(here), there: plain(there), inode })
    }
}

/// `nlmsghdr` and `unix_diag_req`: all sockets, with names and peers.
fn request() -> Vec<u8> {
    let body: usize = 24;
    let mut bytes = Vec::new();
    bytes.extend(((HEADER + body) as u32).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([libc::AF_UNIX as u8, 0, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend((UDIAG_SHOW_NAME | UDIAG_SHOW_PEER).to_ne_bytes());
    bytes.extend([0xff; 8]);
    bytes
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::time::Duration;

    use super::*;
    use crate::world::handles::{Folder, Target};

    fn inode(fd: &impl AsRawFd) -> u64 {
        match Folder::of(std::process::id() as i32).target(fd.as_raw_fd()) {
            Some(Target::Socket(inode)) => inode,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_two_ends_of_a_pair_know_each_other() {
        let (one, other) = UnixStream::pair().unwrap();
        let (left, right) = UnixDatagram::pair().unwrap();
        let lonely = UnixDatagram::unbound().unwrap();
        let sockets = Sockets::read();
        assert_eq!(sockets.peer(inode(&one)), Some(inode(&other)));
        assert_eq!(sockets.peer(inode(&other)), Some(inode(&one)));
        assert_eq!(sockets.peer(inode(&left)), Some(inode(&right)));
        assert_eq!(sockets.peer(inode(&lonely)), None);
    }

    #[test]
    fn the_two_ends_of_a_connection_know_each_other() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            assert_eq!(Sockets::read().peer(inode(&there)), None, "nobody has accepted it yet");
            let (here, _) = listener.accept().unwrap();
            let sockets = Sockets::read();
            assert_eq!(sockets.peer(inode(&here)), Some(inode(&there)), "{address}");
            assert_eq!(sockets.peer(inode(&there)), Some(inode(&here)), "{address}");
            assert!(sockets.is_tcp(inode(&here)) && !sockets.is_tcp(inode(&listener)));
            assert_eq!(sockets.peer(inode(&listener)), None);
        }
    }

    #[test]
    fn ends_are_paired_where_each_is_the_other_s_only_mirror_image() {
        let line = |here: &str, there: &str, state: &str, timer: &str, inode: u64| {
            format!("   1: {here} {there} {state} 0:0 {timer}:0 0 0 0 {inode} 1 0 20 4 1 91 -1\n")
        };
        let (a, b) = ("0100007F:1F90", "0100007F:BF9C");
        let mapped = "0000000000000000FFFF00000100007F:BF9C";
        let peers = |table: &[String]| {
            let mut sockets = Sockets::default();
            sockets.pair(&table.concat());
            sockets.peers.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(peers(&[line(a, b, "01", "00", 7), line(b, a, "01", "04", 8)]), [(7, 8), (8, 7)]);
        assert_eq!(
            peers(&[line(a, mapped, "01", "02", 7), line(mapped, a, "01", "00", 8)]),
            [(7, 8), (8, 7)]
        );
        let none: [(u64, u64); 0] = [];
        assert_eq!(peers(&[line(a, b, "01", "00", 7), line(b, a, "01", "01", 8)]), none, "data is under way");
        assert_eq!(peers(&[line(a, b, "01", "00", 7), line(b, a, "08", "00", 8)]), none, "it was closed");
        assert_eq!(peers(&[line(a, b, "01", "00", 7), line(b, a, "01", "00", 0)]), none, "not accepted");
        let twice = [line(a, b, "01", "00", 7), line(b, a, "01", "00", 8), line(b, a, "01", "00", 9)];
        assert_eq!(peers(&twice), none, "two namespaces");
        assert_eq!(peers(&["  sl  local_address rem_address\n".to_owned(), "x".to_owned()]), none);
    }

    #[test]
    fn a_timeout_of_the_socket_is_seen() {
        let (one, other) = UnixStream::pair().unwrap();
        other.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let sockets = Sockets::default();
        let own = std::process::id() as i32;
        assert!(sockets.never_times_out(own, one.as_raw_fd()));
        assert!(!sockets.never_times_out(own, other.as_raw_fd()));
        assert!(!sockets.never_times_out(own, -1));
    }

    #[test]
    fn garbage_is_no_socket() {
        let mut sockets = Sockets::default();
        assert!(!sockets.take(&[9; 40]));
        assert_eq!(sockets.message(&[1; 7]), None);
        assert!(sockets.peers.is_empty());
    }
}
