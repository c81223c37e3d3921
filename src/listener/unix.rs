//! Sockets that have a place among the files instead of an address.
//!
//! What is accepted there is treated as TCP is: to read, write and close is the same for the system.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::TcpStream;

use crate::listener::BACKLOG;

/// Who may connect: our user and our group, of which a proxy in front is to be.
const MODE: u32 = 0o660;

/// The file of a socket that we bound. It is removed when this is dropped, unless it is another's by then.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and number.
    id: (u64, u64),
}

impl SocketFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if id(&self.path).is_ok_and(|id| id == self.id) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Binds a socket at `path`. The file of one that nobody listens on any more, as a crash leaves it, is
/// replaced.
///
/// # Errors
///
/// Somebody listens there, or there is another file, or none can be made.
pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if let Err(error) = socket.bind(&address) {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
        make_room(path)?;
        socket.bind(&address)?;
    }
    // Nobody can connect before the socket listens.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
    let file = SocketFile {
        path: path.to_owned(),
        id: id(path)?,
    };
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok((OwnedFd::from(socket).into(), file))
}

/// Removes what is left of a socket.
fn make_room(path: &Path) -> io::Result<()> {
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file that is no socket: remove it, or write another path",
        ));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) | Err(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process listens there: stop it, or write another path",
        )),
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    let found = std::fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// A connection that was accepted, in the type of all connections.
pub(super) fn connection(stream: tokio::net::UnixStream) -> io::Result<TcpStream> {
    let descriptor = OwnedFd::from(stream.into_std()?);
    TcpStream::from_std(descriptor.into())
}
