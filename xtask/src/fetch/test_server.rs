//! A small HTTP server with chosen faults, for the tests of `fetch`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server does with one request.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Answers as it should, ranges included.
    None,
    /// Announces everything and closes the connection after this many bytes of the body.
    TruncateAfter(usize),
    /// Flips one bit of the body.
    Corrupt,
    /// Sends the whole file with status 200 though a range was asked for.
    IgnoreRange,
    /// Answers a range with the bytes of another one.
    WrongRange,
    /// This status and no file.
    Status(u16),
    /// Closes the connection before any answer.
    HangUp,
    /// Sends more bytes than the file has.
    TooLong,
    /// No Content-Length; closes the connection in the middle.
    TruncateUnannounced(usize),
}

/// A server on a free port of this machine that serves one file; request i meets fault i, later ones meet none.
pub struct Server {
    address: String,
    /// The Range header of every request so far.
    requests: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    pub fn start(body: Vec<u8>, faults: Vec<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}/file", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let Some(range) = read_request(&stream) else { continue };
                let index = {
                    let mut seen = seen.lock().expect("the list of requests");
                    seen.push(range.clone());
                    seen.len() - 1
                };
                answer(stream, &body, range.as_deref(), faults.get(index).copied().unwrap_or(Fault::None));
            }
        });
        Self { address, requests }
    }

    /// The file's address; lives as long as the process, as pins do.
    pub fn url(&self) -> &'static str {
        self.address.clone().leak()
    }

    /// The Range headers of the requests so far.
    pub fn ranges(&self) -> Vec<Option<String>> {
        self.requests.lock().expect("the list of requests").clone()
    }
}

fn read_request(stream: &TcpStream) -> Option<Option<String>> {
    let mut range = None;
    for line in BufReader::new(stream).lines() {
        let line = line.ok()?;
        if line.is_empty() {
            return Some(range);
        }
        if let Some((_, value)) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("range")) {
            range = Some(value.trim().to_owned());
        }
    }
    None
}

/// Write errors are the client's hanging up, which is its right.
fn answer(mut stream: TcpStream, body: &[u8], range: Option<&str>, fault: Fault) {
    let asked = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let start = match fault {
        Fault::IgnoreRange => None,
        _ => asked,
    };
    let mut part = body[start.unwrap_or(0).min(body.len())..].to_vec();
    let mut status = if start.is_some() { "206 Partial Content".to_owned() } else { "200 OK".to_owned() };
    let mut stop = part.len();
    let mut announce = true;
    let mut claimed_start = start.unwrap_or(0);
    match fault {
        Fault::None | Fault::IgnoreRange => {}
        Fault::TruncateAfter(bytes) => stop = bytes.min(part.len()),
        Fault::TruncateUnannounced(bytes) => {
            stop = bytes.min(part.len());
            announce = false;
        }
        Fault::Corrupt => {
            if let Some(byte) = part.last_mut() {
                *byte ^= 1;
            }
        }
        Fault::WrongRange => claimed_start += 1,
        Fault::Status(code) => {
            status = format!("{code} Chosen");
            part = Vec::new();
            stop = 0;
        }
        Fault::HangUp => return,
        Fault::TooLong => {
            part.extend_from_slice(&[0; 4096]);
            stop = part.len();
        }
    }
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    if announce {
        head += &format!("Content-Length: {}\r\n", part.len());
    }
    if start.is_some() {
        head += &format!("Content-Range: bytes {claimed_start}-{}/{}\r\n", body.len().saturating_sub(1), body.len());
    }
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let _ = stream.write_all(&part[..stop]);
}
