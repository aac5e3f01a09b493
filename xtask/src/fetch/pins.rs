//! What is fetched: address, size and SHA-256 of every file.

/// One file, known before it arrives.
pub struct Pin {
    /// Where it goes under `data/cache/`.
    pub path: &'static str,
    /// Where it comes from; empty if it has no public address of its own.
    pub url: &'static str,
    /// Size in bytes, where it is published.
    pub bytes: Option<u64>,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: &'static str,
}

/// Largest file without a published size that is accepted, in bytes.
pub const LARGEST_UNSIZED: u64 = 16 << 20;

/// GLUE's archive of SST-2.
pub const SST2_ARCHIVE: Pin = Pin {
    path: "sst2/SST-2.zip",
    url: "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
    bytes: Some(7_439_277),
    sha256: "d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa",
};

/// The two files of that archive that are used: `sentence<TAB>label` with a header line.
pub const SST2: [Pin; 2] = [
    Pin {
        path: "sst2/train.tsv",
        url: "",
        bytes: Some(3_806_081),
        sha256: "48eac26399f8456935f81dd9e3a745c1430adb6c62e233ccfe22db4a0d15d1d1",
    },
    Pin {
        path: "sst2/dev.tsv",
        url: "",
        bytes: Some(94_931),
        sha256: "54a9c12c77e402fc14d6a66a506f24d999f596b0176eb777c972cccc2f9cc4b0",
    },
];

/// distilbert-base-uncased-finetuned-sst-2-english at one revision. It ships no tokenizer.json.
pub const DISTILBERT: [Pin; 4] = [
    Pin {
        path: "models/distilbert-sst2/config.json",
        url: "https://huggingface.co/distilbert/distilbert-base-uncased-finetuned-sst-2-english/resolve/714eb0fa89d2f80546fda750413ed43d93601a13/config.json",
        bytes: None,
        sha256: "582122c8f414793d131e10022ce9ba04e3811a9da6389137ee2f18665b4f4d15",
    },
    Pin {
        path: "models/distilbert-sst2/tokenizer_config.json",
        url: "https://huggingface.co/distilbert/distilbert-base-uncased-finetuned-sst-2-english/resolve/714eb0fa89d2f80546fda750413ed43d93601a13/tokenizer_config.json",
        bytes: None,
        sha256: "5ab9097b4149371c5fd52b2d6e26cb6f9c07c0d19fcfdda895b1adad6b57c3e0",
    },
    Pin {
        path: "models/distilbert-sst2/vocab.txt",
        url: "https://huggingface.co/distilbert/distilbert-base-uncased-finetuned-sst-2-english/resolve/714eb0fa89d2f80546fda750413ed43d93601a13/vocab.txt",
        bytes: Some(231_508),
        sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
    Pin {
        path: "models/distilbert-sst2/model.safetensors",
        url: "https://huggingface.co/distilbert/distilbert-base-uncased-finetuned-sst-2-english/resolve/714eb0fa89d2f80546fda750413ed43d93601a13/model.safetensors",
        bytes: Some(267_832_558),
        sha256: "7c3919835e442510166d267fe7cbe847e0c51cd26d9ba07b89a57b952b49b8aa",
    },
];

/// all-MiniLM-L6-v2 fine-tuned on SST-2 under DistilBERT's tensor names: the teacher.
pub const MINILM: [Pin; 5] = [
    Pin {
        path: "models/minilm-sst2/config.json",
        url: "",
        bytes: None,
        sha256: "d461ad4a8eab1cfcdef86528fb99dad62bcf78823c2f137a231cb633b86bccc5",
    },
    Pin {
        path: "models/minilm-sst2/tokenizer_config.json",
        url: "",
        bytes: None,
        sha256: "2bbf2ea55c232406706144b907ca020cd7528a78e3e4741115be3b3566542b0b",
    },
    Pin {
        path: "models/minilm-sst2/tokenizer.json",
        url: "",
        bytes: None,
        sha256: "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
    },
    Pin {
        path: "models/minilm-sst2/vocab.txt",
        url: "",
        bytes: Some(231_508),
        sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
    Pin {
        path: "models/minilm-sst2/model.safetensors",
        url: "",
        bytes: Some(45_438_732),
        sha256: "c084957923948ef85b214a9f1897c41ba3e2c0c4b70923b1b4ec9dcb89de3206",
    },
];
