//! Everything that training reads, put together: rows, split, augmented texts and the teacher's logits of all of them.

use std::path::{Path, PathBuf};

use distilbert_he::tokenizer::Tokenizer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::augment::{AugmentConfig, Augmenter};
use super::labels;
use super::neighbours::Neighbours;
use super::split::{Split, split};
use super::tsv::{self, Row};
use crate::teacher::Teacher;
use crate::{Error, Result};

/// Changes when code changes that decides augmented texts, so that cached labels of other texts are not taken for theirs.
const TEXTS_VERSION: u32 = 2;

/// What the data of a run is made from. Runs with equal values share the cached labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// Seed of the hold-out and of the augmented texts.
    pub seed: u64,
    /// Whole sentences held out of the training rows.
    pub held_out: usize,
    /// Augmented texts.
    pub augmented: usize,
    /// How they are made.
    pub augment: AugmentConfig,
    /// Further augmented texts, made in other ways.
    pub further: Vec<TextSet>,
}

/// Augmented texts that are made in one way; their labels have a file of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSet {
    /// Seed of these texts.
    pub seed: u64,
    /// Number of texts.
    pub count: usize,
    /// How they are made.
    #[serde(default)]
    pub augment: AugmentConfig,
}

impl Default for DataConfig {
    fn default() -> Self {
        // Most of these are sentences with several constituents replaced, which are harder than texts with one: their compositions are
        // new, though all their phrases are known.
        let recombined =
            AugmentConfig { one_row: 0.15, swap: 0.65, swaps: [1, 5], neighbour: [0.05, 0.35], ..AugmentConfig::default() };
        DataConfig {
            seed: 1,
            held_out: 200,
            augmented: 640_000,
            augment: AugmentConfig::default(),
            further: vec![TextSet { seed: 2, count: 360_000, augment: recombined }],
        }
    }
}

impl DataConfig {
    /// All sets of augmented texts, in the order of training's indices.
    pub fn text_sets(&self) -> Vec<TextSet> {
        let first = TextSet { seed: self.seed, count: self.augmented, augment: self.augment.clone() };
        std::iter::once(first).chain(self.further.iter().cloned()).collect()
    }

    /// Augmented texts of all sets.
    pub fn texts(&self) -> usize {
        self.text_sets().iter().map(|set| set.count).sum()
    }
}

/// Where the files are.
#[derive(Clone, Debug)]
pub struct DataPaths {
    /// Directory of `train.tsv` and `dev.tsv`.
    pub sst2: PathBuf,
    /// Directory of the teacher: `config.json`, `model.safetensors`, `vocab.txt`.
    pub teacher: PathBuf,
    /// Directory of cached labels; made when missing.
    pub cache: PathBuf,
}

/// One text with what the student shall answer.
#[derive(Clone, Debug)]
pub struct Example {
    /// `[CLS]`, word pieces, `[SEP]`.
    pub ids: Vec<u32>,
    /// The teacher's margin, logit of positive minus logit of negative.
    pub teacher: f32,
    /// The label, where there is one.
    pub label: Option<u8>,
}

/// What a student is trained on.
#[derive(Clone, Debug)]
pub struct TrainingSet {
    /// Rows with labels.
    pub rows: Vec<Example>,
    /// Augmented texts, which have the teacher's answer alone.
    pub augmented: Vec<Example>,
    /// Digest of everything that they come from, so that a checkpoint is not continued on other data.
    pub digest: [u8; 32],
}

/// The data of a run.
pub struct Corpus {
    /// What is trained on.
    pub training: TrainingSet,
    /// Held-out whole sentences: every choice is made on these.
    pub held_out: Vec<Example>,
    /// Every row that is not trained on: the held-out sentences and their phrases, ten times as many.
    pub held_out_rows: Vec<Example>,
    /// The 872 dev sentences, for the final figure.
    pub dev: Vec<Example>,
    /// The teacher.
    pub teacher: Teacher,
    /// `[CLS]`, `[SEP]`, `[MASK]`.
    pub special: [u32; 3],
}

/// Whole files as bytes.
fn bytes(path: &Path, what: &'static str) -> Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Error::MissingData { what, path: path.to_path_buf() }),
        other => other.map_err(Error::io(path)),
    }
}

impl Corpus {
    /// Reads the files, splits the rows, makes the augmented texts and gets every label from the cache or the teacher.
    /// Students take texts of up to `longest` tokens. `progress(what, done, of)` is called while labelling.
    ///
    /// # Errors
    /// Missing or malformed files; a cache that cannot be written.
    pub fn prepare(
        config: &DataConfig,
        paths: &DataPaths,
        longest: usize,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<Corpus> {
        let teacher = Teacher::load(&paths.teacher)?;
        let vocabulary_path = paths.teacher.join("vocab.txt");
        let vocabulary_bytes = bytes(&vocabulary_path, "the teacher's vocabulary")?;
        let tokenizer = Tokenizer::from_vocab_txt(&vocabulary_path)?;
        let vocabulary: Vec<String> =
            (0..tokenizer.vocab_size() as u32).map(|i| tokenizer.token(i).unwrap_or_default()).collect();
        if vocabulary.len() != teacher.word_embeddings().nrows() {
            let needed = format!("{}, the teacher's word embeddings", teacher.word_embeddings().nrows());
            return Err(Error::malformed(&vocabulary_path, format!("{} tokens", vocabulary.len()), needed));
        }
        let mask = vocabulary.iter().position(|t| t == "[MASK]");
        let mask = mask.ok_or_else(|| Error::malformed(&vocabulary_path, "no token [MASK]", "a BERT vocabulary"))? as u32;
        let special = [tokenizer.cls_id(), tokenizer.sep_id(), mask];
        let (train_path, dev_path) = (paths.sst2.join("train.tsv"), paths.sst2.join("dev.tsv"));
        let rows = tsv::read(&train_path, &tokenizer)?;
        let dev = tsv::read(&dev_path, &tokenizer)?;
        std::fs::create_dir_all(&paths.cache).map_err(Error::io(&paths.cache))?;

        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes(&train_path, "SST-2")?).update(&vocabulary_bytes).update(&TEXTS_VERSION.to_le_bytes());
        let rows_digest = *hasher.finalize().as_bytes();
        let sets = config.text_sets();
        // The number of texts is no part of it: more texts continue the same file. The seed of the hold-out decides which rows they
        // are made from.
        let set_digests = sets
            .iter()
            .map(|set| {
                let mut description = serde_json::to_vec(&(set.seed, config.held_out, &set.augment))?;
                if set.seed != config.seed {
                    description.extend(config.seed.to_le_bytes());
                }
                Ok(*hasher.clone().update(&description).finalize().as_bytes())
            })
            .collect::<serde_json::Result<Vec<[u8; 32]>>>()
            .map_err(|e| Error::Config(e.to_string()))?;
        let digest = {
            let mut h = blake3::Hasher::new();
            for (set, set_digest) in sets.iter().zip(&set_digests) {
                h.update(set_digest).update(&(set.count as u64).to_le_bytes());
            }
            h.update(&bytes(&dev_path, "SST-2")?).update(&teacher.digest());
            *h.finalize().as_bytes()
        };

        let is_continuation = |t: u32| vocabulary.get(t as usize).is_some_and(|s| s.starts_with("##"));
        let split = split(&rows, config.held_out, config.seed, &is_continuation);
        let ends = [special[0], special[1]];
        let mut label = |name: &str, digest, list: &[Vec<u32>]| {
            labels::cached(
                &paths.cache.join(format!("{name}.labels")),
                digest,
                list.len(),
                &teacher,
                ends,
                &|i| list[i].clone(),
                &mut |d, n| progress(name, d, n),
            )
        };
        let ids = |rows: &[Row]| {
            rows.iter().map(|r| r.ids.iter().copied().take(config.augment.max_tokens).collect()).collect::<Vec<Vec<u32>>>()
        };
        let row_logits = label("train", rows_digest, &ids(&rows))?;
        let dev_digest = *blake3::Hasher::new().update(&bytes(&dev_path, "SST-2")?).update(&rows_digest).finalize().as_bytes();
        let dev_logits = label("dev", dev_digest, &ids(&dev))?;
        let neighbours = neighbours(&sets, &rows, &split, &vocabulary, &teacher);
        let mut texts = Vec::new();
        for (i, (set, set_digest)) in sets.iter().zip(set_digests).enumerate() {
            let made = make_texts(set, &rows, &split, &neighbours, special[2], &is_continuation);
            let name = if i == 0 { "augmented".to_owned() } else { format!("augmented-{}", i + 1) };
            let logits = label(&name, set_digest, &made)?;
            texts.extend(made.into_iter().zip(logits));
        }

        let with_ends = |ids: &[u32]| {
            let kept = ids.iter().copied().take(longest.saturating_sub(2));
            std::iter::once(ends[0]).chain(kept).chain([ends[1]]).collect::<Vec<u32>>()
        };
        let example = |ids: &[u32], l: &[f32; 2], label| Example { ids: with_ends(ids), teacher: l[1] - l[0], label };
        let labelled = |row: &Row, l: &[f32; 2]| example(&row.ids, l, Some(row.label));
        let pick = |which: &[usize]| which.iter().map(|&i| labelled(&rows[i], &row_logits[i])).collect();
        Ok(Corpus {
            training: TrainingSet {
                rows: pick(&split.train),
                // A text that had to be cut would not have the teacher's answer for what is left.
                augmented: texts.iter().filter(|(t, _)| t.len() + 2 <= longest).map(|(t, l)| example(t, l, None)).collect(),
                digest,
            },
            held_out: pick(&split.held_out),
            held_out_rows: pick(&split.held_out_rows),
            dev: dev.iter().zip(&dev_logits).map(|(r, l)| labelled(r, l)).collect(),
            teacher,
            special,
        })
    }
}

/// As many neighbours of every training token as any of `sets` draws from.
fn neighbours(sets: &[TextSet], rows: &[Row], split: &Split, vocabulary: &[String], teacher: &Teacher) -> Neighbours {
    let count = sets.iter().filter(|set| set.count > 0).map(|set| set.augment.neighbours).max().unwrap_or(0);
    let mut wanted = vec![false; vocabulary.len()];
    if count > 0 {
        split.train.iter().flat_map(|&i| &rows[i].ids).for_each(|&t| wanted[t as usize] = true);
    }
    let is_word = |s: &String| {
        let letters = s.strip_prefix("##").unwrap_or(s);
        !letters.is_empty() && letters.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let candidate: Vec<bool> = vocabulary.iter().map(is_word).collect();
    Neighbours::find(teacher.word_embeddings(), &wanted, &candidate, count)
}

fn make_texts(
    set: &TextSet,
    rows: &[Row],
    split: &Split,
    neighbours: &Neighbours,
    mask: u32,
    is_continuation: &(dyn Fn(u32) -> bool + Sync),
) -> Vec<Vec<u32>> {
    if set.count == 0 || split.whole.is_empty() {
        return Vec::new();
    }
    let augmenter = Augmenter::new(rows, split, neighbours, set.augment.clone(), set.seed, mask, is_continuation);
    (0..set.count as u64).into_par_iter().map(|i| augmenter.text(i)).collect()
}
