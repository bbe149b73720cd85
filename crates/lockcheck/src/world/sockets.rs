//! Which sockets of this system are connected to which, asked of the kernel (`unix_diag`). Only sockets between
//! processes of one system are known; for any other, the other end is the world.

use std::collections::BTreeMap;

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
}

impl Sockets {
    /// Asks the kernel; nothing is known where it does not answer.
    pub fn read() -> Sockets {
        let mut sockets = Sockets::default();
        // Half an answer would not be wrong, only less.
        let _ = sockets.ask();
        sockets
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
            Some((socket_timeout(&copy, Timeout::Recv).ok()?, socket_timeout(&copy, Timeout::Send).ok()?))
        };
        timeout() == Some((None, None))
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
