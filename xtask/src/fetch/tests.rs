//! `fetch` against a server that truncates, corrupts, ignores ranges and answers 500; and copies from a folder.

use std::fs;
use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::pins::Pin;
use super::test_server::{Fault, Server};
use super::{archive, download, local};

/// Not compressible and not periodic, so that a misplaced range cannot pass for the right one.
fn body() -> Vec<u8> {
    (0u64..50_000).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn sha256(bytes: &[u8]) -> &'static str {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>().leak()
}

fn pin(server: &Server, bytes: Option<u64>) -> Pin {
    Pin { path: "file", url: server.url(), bytes, sha256: sha256(&body()) }
}

/// Fetches the file from a server with these faults and returns the result and the ranges that were asked for.
fn fetch(faults: &[Fault], tries: u32) -> (anyhow::Result<()>, Vec<Option<String>>, tempfile::TempDir) {
    let server = Server::start(body(), faults.to_vec());
    let folder = tempfile::tempdir().unwrap();
    let result = download::Client::for_tests(tries).fetch(&pin(&server, Some(50_000)), &folder.path().join("file"));
    (result, server.ranges(), folder)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn assert_fetched(faults: &[Fault], ranges: &[Option<&str>]) {
    let (result, asked, folder) = fetch(faults, 5);
    result.unwrap_or_else(|error| panic!("{faults:?}: {error:#}"));
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), body(), "{faults:?}");
    assert_eq!(names(folder.path()), ["file"], "{faults:?}");
    let asked: Vec<_> = asked.iter().map(Option::as_deref).collect();
    assert_eq!(asked, ranges, "{faults:?}");
}

#[test]
fn a_good_server_is_asked_once() {
    assert_fetched(&[], &[None]);
}

#[test]
fn a_truncated_body_goes_on_where_it_stopped() {
    let (result, asked, folder) = fetch(&[Fault::TruncateAfter(20_000), Fault::TruncateAfter(10_000)], 5);
    result.unwrap();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), body());
    assert_eq!(asked, [None, Some("bytes=20000-".to_owned()), Some("bytes=30000-".to_owned())]);
}

#[test]
fn a_body_that_ends_early_without_a_length_is_noticed() {
    assert_fetched(&[Fault::TruncateUnannounced(7_000)], &[None, Some("bytes=7000-")]);
}

#[test]
fn a_corrupt_body_is_thrown_away_whole() {
    assert_fetched(&[Fault::Corrupt], &[None, None]);
    assert_fetched(&[Fault::TruncateAfter(5), Fault::Corrupt], &[None, Some("bytes=5-"), None]);
}

#[test]
fn an_ignored_range_starts_the_file_again() {
    assert_fetched(&[Fault::TruncateAfter(20_000), Fault::IgnoreRange], &[None, Some("bytes=20000-")]);
}

#[test]
fn another_range_than_the_asked_one_is_not_appended() {
    assert_fetched(&[Fault::TruncateAfter(20_000), Fault::WrongRange], &[None, Some("bytes=20000-"), None]);
}

#[test]
fn errors_of_the_server_are_tried_again() {
    assert_fetched(&[Fault::Status(500), Fault::Status(503), Fault::HangUp], &[None, None, None, None]);
    assert_fetched(&[Fault::TruncateAfter(9), Fault::Status(500)], &[None, Some("bytes=9-"), Some("bytes=9-")]);
    assert_fetched(&[Fault::TruncateAfter(9), Fault::Status(416)], &[None, Some("bytes=9-"), None]);
}

#[test]
fn a_missing_file_is_not_asked_for_again() {
    let (result, asked, folder) = fetch(&[Fault::Status(404); 5], 5);
    let message = format!("{:#}", result.unwrap_err());
    assert!(message.contains("404"), "{message}");
    assert_eq!(asked.len(), 1);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_server_that_stays_corrupt_leaves_nothing_and_names_both_digests() {
    let (result, asked, folder) = fetch(&[Fault::Corrupt; 3], 3);
    let message = format!("{:#}", result.unwrap_err());
    assert!(message.contains(sha256(&body())) && message.contains("given up after 3 tries"), "{message}");
    assert_eq!(asked.len(), 3);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_stopped_download_goes_on_in_the_next_run() {
    let server = Server::start(body(), vec![Fault::TruncateAfter(30_000)]);
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("file");
    download::Client::for_tests(1).fetch(&pin(&server, Some(50_000)), &target).unwrap_err();
    assert_eq!(names(folder.path()), ["file.partial"]);
    download::Client::for_tests(1).fetch(&pin(&server, Some(50_000)), &target).unwrap();
    assert_eq!(fs::read(&target).unwrap(), body());
    assert_eq!(server.ranges(), [None, Some("bytes=30000-".to_owned())]);
    download::Client::for_tests(1).fetch(&pin(&server, Some(50_000)), &target).unwrap();
    assert_eq!(server.ranges().len(), 2, "a file that is there is not asked for");
}

#[test]
fn a_body_longer_than_pinned_is_refused() {
    let (result, _, folder) = fetch(&[Fault::TooLong; 2], 2);
    let message = format!("{:#}", result.unwrap_err());
    assert!(message.contains("50000"), "{message}");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_file_without_a_published_size_is_checked_by_its_announced_one() {
    let server = Server::start(body(), vec![Fault::TruncateAfter(1_000)]);
    let folder = tempfile::tempdir().unwrap();
    download::Client::for_tests(2).fetch(&pin(&server, None), &folder.path().join("file")).unwrap();
    assert_eq!(server.ranges(), [None, Some("bytes=1000-".to_owned())]);
}

#[test]
fn a_copy_needs_the_right_digest_and_every_file() {
    let from = tempfile::tempdir().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let pins = [
        Pin { path: "sst2/a.tsv", url: "", bytes: Some(3), sha256: sha256(b"abc") },
        Pin { path: "sst2/b.tsv", url: "", bytes: None, sha256: sha256(b"def") },
    ];
    assert_eq!(local::copy(from.path(), cache.path(), &pins).unwrap(), 0);

    let folder = from.path().join("data/sst2");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.tsv"), "abc").unwrap();
    let message = format!("{:#}", local::copy(from.path(), cache.path(), &pins).unwrap_err());
    assert!(message.contains("sst2/b.tsv is missing"), "{message}");

    fs::write(folder.join("b.tsv"), "dEf").unwrap();
    let message = format!("{:#}", local::copy(from.path(), cache.path(), &pins).unwrap_err());
    assert!(message.contains(sha256(b"def")) && message.contains(sha256(b"dEf")), "{message}");
    assert_eq!(names(&cache.path().join("sst2")), ["a.tsv"]);

    fs::write(folder.join("b.tsv"), "def").unwrap();
    assert_eq!(local::copy(from.path(), cache.path(), &pins).unwrap(), 2);
    assert_eq!(fs::read(cache.path().join("sst2/b.tsv")).unwrap(), b"def");
}

#[test]
fn an_archive_is_unpacked_only_into_files_with_the_right_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("SST-2.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, text) in [("SST-2/train.tsv", "sentence\tlabel\n"), ("SST-2/dev.tsv", "changed")] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let right = Pin { path: "sst2/train.tsv", url: "", bytes: Some(15), sha256: sha256(b"sentence\tlabel\n") };
    let wrong = Pin { path: "sst2/dev.tsv", url: "", bytes: None, sha256: sha256(b"as pinned") };
    let message = format!("{:#}", archive::unpack(&path, folder.path(), &[right, wrong]).unwrap_err());
    assert!(message.contains("dev.tsv: found SHA-256"), "{message}");
    assert_eq!(names(&folder.path().join("sst2")), ["train.tsv"]);

    let absent = Pin { path: "sst2/other.tsv", url: "", bytes: None, sha256: "" };
    let message = format!("{:#}", archive::unpack(&path, folder.path(), &[absent]).unwrap_err());
    assert!(message.contains("no SST-2/other.tsv"), "{message}");
}
