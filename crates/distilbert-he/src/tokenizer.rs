//! Text to token ids: the BERT pipeline (clean, split Chinese characters, strip accents, lower case; split on white space and
//! punctuation; WordPiece), built from the vocabulary alone.
//!
//! Devlin et al. 2019 (arXiv:1810.04805) §3; Wu et al. 2016 (arXiv:1609.08144) §4.1 for WordPiece. The parts come from the
//! `tokenizers` crate. No added vocabulary is used: a text that spells `[SEP]` is split like any other text and cannot smuggle
//! a special token into the sequence.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{Model, TokenizerImpl};

use crate::{Error, Result};

/// Texts above this many bytes are refused before any work is spent on them.
pub const LARGEST_TEXT_BYTES: usize = 1 << 20;

/// Words of more characters than this become `[UNK]`, as in the reference implementation.
const MAX_CHARS_PER_WORD: usize = 100;

/// What to do with a text of more tokens than fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongText {
    /// Keep the beginning and say what was cut.
    Cut,
    /// Refuse with [`Error::TextTooLong`].
    Refuse,
}

/// A tokenised text and what happened to it on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizedText {
    /// `[CLS]`, the word pieces, `[SEP]`.
    pub ids: Vec<u32>,
    /// Number of tokens that the whole text has, with `[CLS]` and `[SEP]`; larger than `ids.len()` if it was cut.
    pub total_tokens: usize,
    /// Number of bytes from the text's beginning that the kept tokens cover.
    pub kept_bytes: usize,
    /// Control characters (and U+FFFD) that were dropped.
    pub removed_characters: usize,
    /// Kept tokens that are `[UNK]`: the model sees that something stands there, not what.
    pub unknown_tokens: usize,
}

impl TokenizedText {
    /// Number of tokens that were cut from the end.
    pub fn cut_tokens(&self) -> usize {
        self.total_tokens - self.ids.len()
    }
}

/// An uncased BERT tokenizer.
pub struct Tokenizer {
    pipeline: TokenizerImpl<WordPiece, BertNormalizer, BertPreTokenizer, BertProcessing, WordPieceDecoder>,
    vocab_size: usize,
    pad: u32,
    unk: u32,
    cls: u32,
    sep: u32,
}

impl Tokenizer {
    /// Reads `vocab.txt` or, where that is absent, `tokenizer.json` from a model directory.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] if neither is there, otherwise as [`Tokenizer::from_vocab_txt`] and
    /// [`Tokenizer::from_tokenizer_json`].
    pub fn load(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let (vocab, json) = (dir.join("vocab.txt"), dir.join("tokenizer.json"));
        if vocab.exists() {
            Self::from_vocab_txt(vocab)
        } else if json.exists() {
            Self::from_tokenizer_json(json)
        } else {
            Err(Error::Vocabulary {
                path: dir.to_owned(),
                reason: "found neither vocab.txt nor tokenizer.json, needed one of them".to_owned(),
            })
        }
    }

    /// Reads a `vocab.txt`: one token per line, the line number (from 0) is the id.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Vocabulary`] for repeated lines or a missing special token.
    pub fn from_vocab_txt(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        Self::from_vocab(&text, path)
    }

    /// The same from the text of a `vocab.txt`; `path` only names it in messages.
    ///
    /// # Errors
    /// As [`Tokenizer::from_vocab_txt`], without [`Error::Io`].
    pub fn from_vocab(text: &str, path: &Path) -> Result<Self> {
        let mut vocab = Map::new();
        for (id, line) in text.lines().enumerate() {
            if let Some(first) = vocab.insert(line.trim_end().to_owned(), json!(id)) {
                return Err(Error::Vocabulary {
                    path: path.to_owned(),
                    reason: format!("token `{}` stands on lines {} and {}, needed each token once", line.trim_end(), first, id),
                });
            }
        }
        Self::from_map(vocab, path.to_owned())
    }

    /// Reads the vocabulary out of a `tokenizer.json`, after checking that the file describes this pipeline.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Json`]; [`Error::Config`] if model, normaliser or pre-tokeniser are others;
    /// [`Error::Vocabulary`] for ids with gaps or a missing special token.
    pub fn from_tokenizer_json(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let mut value: Value = serde_json::from_str(&text).map_err(|source| Error::Json {
            path: path.to_owned(),
            kind: "tokenizer description",
            source,
        })?;
        let needed: [(&str, Value, &str); 5] = [
            ("/model/type", json!("WordPiece"), "\"WordPiece\""),
            ("/model/continuing_subword_prefix", json!("##"), "\"##\""),
            ("/normalizer/type", json!("BertNormalizer"), "\"BertNormalizer\""),
            ("/normalizer/lowercase", json!(true), "true (an uncased model)"),
            ("/pre_tokenizer/type", json!("BertPreTokenizer"), "\"BertPreTokenizer\""),
        ];
        for (pointer, wanted, words) in needed {
            let found = value.pointer(pointer);
            if found != Some(&wanted) {
                return Err(Error::Config {
                    path: path.to_owned(),
                    field: pointer.trim_start_matches('/').replace('/', "."),
                    found: found.map_or_else(|| "nothing".to_owned(), Value::to_string),
                    needed: words.to_owned(),
                });
            }
        }
        match value.pointer_mut("/model/vocab").map(Value::take) {
            Some(Value::Object(vocab)) => Self::from_map(vocab, path.to_owned()),
            _ => Err(Error::Config {
                path: path.to_owned(),
                field: "model.vocab".to_owned(),
                found: "no object".to_owned(),
                needed: "an object {token: id}".to_owned(),
            }),
        }
    }

    fn from_map(vocab: Map<String, Value>, path: PathBuf) -> Result<Self> {
        let refuse = |reason: String| Error::Vocabulary { path: path.clone(), reason };
        let vocab_size = vocab.len();
        let mut seen = vec![false; vocab_size];
        for (token, id) in &vocab {
            match id.as_u64().and_then(|id| seen.get_mut(usize::try_from(id).ok()?)) {
                Some(slot) if !*slot => *slot = true,
                _ => {
                    return Err(refuse(format!(
                        "token `{token}` has id {id}, needed each of 0…{} once",
                        vocab_size.saturating_sub(1)
                    )));
                }
            }
        }
        let special = |token: &str| {
            vocab.get(token).and_then(Value::as_u64).map(|id| id as u32).ok_or_else(|| {
                refuse(format!("has no `{token}` among its {vocab_size} tokens; needed [PAD], [UNK], [CLS] and [SEP]"))
            })
        };
        let (pad, unk, cls, sep) = (special("[PAD]")?, special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        // `WordPiece` reads itself from its JSON form, so that its hash map's type does not have to be named here.
        let model = WordPiece::deserialize(json!({
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": MAX_CHARS_PER_WORD,
            "vocab": vocab,
        }))
        .map_err(|e| Error::Tokenizer(e.to_string()))?;
        let mut pipeline = TokenizerImpl::new(model);
        pipeline.with_normalizer(Some(BertNormalizer::new(true, true, None, true))).with_pre_tokenizer(Some(BertPreTokenizer));
        Ok(Self { pipeline, vocab_size, pad, unk, cls, sep })
    }

    /// Number of tokens in the vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Id of `[PAD]`.
    pub fn pad_id(&self) -> u32 {
        self.pad
    }

    /// Id of `[CLS]`.
    pub fn cls_id(&self) -> u32 {
        self.cls
    }

    /// Id of `[SEP]`.
    pub fn sep_id(&self) -> u32 {
        self.sep
    }

    /// The token with this id.
    pub fn token(&self, id: u32) -> Option<String> {
        self.pipeline.get_model().id_to_token(id)
    }

    /// Tokenises one text into at most `limit` ids, `[CLS]` and `[SEP]` included.
    ///
    /// # Errors
    /// [`Error::EmptyText`], [`Error::NulInText`], [`Error::TextTooLarge`]; [`Error::TextTooLong`] with [`LongText::Refuse`];
    /// [`Error::TokenIds`] for a `limit` under 3.
    pub fn encode(&self, text: &str, limit: usize, long: LongText) -> Result<TokenizedText> {
        if limit < 3 {
            return Err(Error::TokenIds {
                found: format!("a limit of {limit} tokens"),
                needed: "at least 3: [CLS], one word piece, [SEP]".to_owned(),
            });
        }
        if text.len() > LARGEST_TEXT_BYTES {
            return Err(Error::TextTooLarge { found: text.len(), limit: LARGEST_TEXT_BYTES });
        }
        if let Some(index) = text.chars().position(|c| c == '\0') {
            return Err(Error::NulInText { position: index + 1 });
        }
        if text.is_empty() {
            return Err(Error::EmptyText { reason: "is empty" });
        }
        if text.chars().all(char::is_whitespace) {
            return Err(Error::EmptyText { reason: "holds only white space" });
        }
        let encoding = self.pipeline.encode(text, false).map_err(|e| Error::Tokenizer(e.to_string()))?;
        let pieces = encoding.get_ids();
        if pieces.is_empty() {
            return Err(Error::EmptyText { reason: "holds only control characters, marks and white space" });
        }
        let total_tokens = pieces.len() + 2;
        if total_tokens > limit && long == LongText::Refuse {
            return Err(Error::TextTooLong { found: total_tokens, limit });
        }
        let kept = pieces.len().min(limit - 2);
        let mut ids = Vec::with_capacity(kept + 2);
        ids.push(self.cls);
        ids.extend_from_slice(&pieces[..kept]);
        ids.push(self.sep);
        let kept_bytes =
            if kept == pieces.len() { text.len() } else { encoding.get_offsets()[..kept].iter().map(|o| o.1).max().unwrap_or(0) };
        Ok(TokenizedText {
            total_tokens,
            kept_bytes,
            removed_characters: text.chars().filter(|&c| is_dropped(c)).count(),
            unknown_tokens: pieces[..kept].iter().filter(|&&id| id == self.unk).count(),
            ids,
        })
    }
}

/// Characters that the normaliser drops: controls that are not white space, and the replacement character.
fn is_dropped(c: char) -> bool {
    c == '\u{fffd}' || (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCAB: &str = include_str!("../tests/fixtures/tiny/vocab.txt");

    fn tiny() -> Tokenizer {
        Tokenizer::from_vocab(VOCAB, Path::new("vocab.txt")).unwrap()
    }

    fn ids(text: &str) -> Vec<u32> {
        tiny().encode(text, 64, LongText::Refuse).unwrap().ids
    }

    fn id(token: &str) -> u32 {
        VOCAB.lines().position(|line| line == token).unwrap() as u32
    }

    #[test]
    fn words_are_lower_cased_stripped_and_split_into_pieces() {
        let (cls, sep) = (id("[CLS]"), id("[SEP]"));
        assert_eq!(
            ids("A Gorgeous, witty movie!"),
            [cls, id("a"), id("gorgeous"), id(","), id("wit"), id("##ty"), id("movie"), id("!"), sep]
        );
        assert_eq!(ids("Ĝörgeôus"), ids("gorgeous"));
        assert_eq!(ids("mess\tplot\nmess"), [cls, id("mess"), id("plot"), id("mess"), sep]);
        assert_eq!(ids("電影"), [cls, id("電"), id("影"), sep]);
        assert_eq!(ids("電影🙂x"), [cls, id("電"), id("影"), id("[UNK]"), sep]);
    }

    #[test]
    fn special_tokens_cannot_be_smuggled_in() {
        let found = ids("[SEP]");
        assert_eq!(found.iter().filter(|&&t| t == id("[SEP]")).count(), 1, "{found:?}");
    }

    #[test]
    fn unknown_and_removed_characters_are_counted() {
        let text = tiny().encode("movie \u{7}\u{1b} zzz", 64, LongText::Refuse).unwrap();
        assert_eq!(text.ids, [id("[CLS]"), id("movie"), id("[UNK]"), id("[SEP]")]);
        assert_eq!((text.removed_characters, text.unknown_tokens, text.cut_tokens()), (2, 1, 0));
    }

    #[test]
    fn long_texts_are_cut_with_a_report_or_refused() {
        let long = "movie ".repeat(10_000);
        let text = tiny().encode(&long, 16, LongText::Cut).unwrap();
        assert_eq!((text.ids.len(), text.total_tokens, text.cut_tokens()), (16, 10_002, 9_986));
        assert_eq!(&long[..text.kept_bytes], "movie ".repeat(14).trim_end());
        assert_eq!(*text.ids.last().unwrap(), id("[SEP]"));
        let error = tiny().encode(&long, 16, LongText::Refuse).unwrap_err().to_string();
        assert!(error.contains("10002") && error.contains("16"), "{error}");
        let error = tiny().encode(&"x".repeat(LARGEST_TEXT_BYTES + 1), 16, LongText::Cut).unwrap_err();
        assert!(matches!(error, Error::TextTooLarge { .. }));
    }

    #[test]
    fn texts_without_content_are_refused() {
        let refused = |text: &str| tiny().encode(text, 16, LongText::Cut).unwrap_err().to_string();
        assert!(refused("").contains("is empty"));
        assert!(refused(" \t\n\u{3000}").contains("only white space"));
        assert!(refused("\u{1}\u{2} \u{7f}").contains("only control characters"));
        assert!(refused("a movie\0").contains("NUL character (character 8)"));
    }

    #[test]
    fn vocabularies_with_faults_are_refused() {
        let refused = |text: &str| match Tokenizer::from_vocab(text, Path::new("v.txt")) {
            Ok(_) => panic!("must be refused"),
            Err(e) => e.to_string(),
        };
        assert!(refused("[PAD]\n[UNK]\n[CLS]\n").contains("no `[SEP]`"));
        assert!(refused("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[UNK]\n").contains("lines 1 and 4"));
    }

    #[test]
    fn a_tokenizer_json_gives_the_same_ids_and_another_pipeline_is_refused() {
        let vocab: Map<String, Value> = VOCAB.lines().enumerate().map(|(i, t)| (t.to_owned(), json!(i))).collect();
        let mut file = json!({
            "model": {"type": "WordPiece", "continuing_subword_prefix": "##", "vocab": vocab},
            "normalizer": {"type": "BertNormalizer", "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
        });
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        std::fs::write(&path, file.to_string()).unwrap();
        let tokenizer = Tokenizer::load(dir.path()).unwrap();
        assert_eq!(tokenizer.encode("witty mess", 16, LongText::Cut).unwrap().ids, ids("witty mess"));
        file["normalizer"]["lowercase"] = json!(false);
        std::fs::write(&path, file.to_string()).unwrap();
        let error = Tokenizer::load(dir.path()).err().unwrap().to_string();
        assert!(error.contains("normalizer.lowercase") && error.contains("found false"), "{error}");
    }
}
