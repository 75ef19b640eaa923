"""Tiny models of language, of random weights, and the files that they would come in."""

import json
import struct

import numpy as np
from safetensors.numpy import save_file

from mlvm.importers import llama_float, safetensors_bert

# --- Decoders -------------------------------------------------------------------------------------


def decoder(seed=0, *, layers=2, width=32, hidden=48, heads=4, key_heads=2, head=8, vocabulary=48):
    rng = np.random.default_rng(seed)

    def matrix(*shape):
        return (rng.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)

    def norm():
        return (1 + rng.normal(size=width) / 8).astype(np.float32)

    frequencies = 10_000.0 ** (-np.arange(head // 2) / (head // 2))
    sizes = (layers, width, hidden, heads, key_heads, vocabulary)
    shape = llama_float.Shape(*sizes, context=64, epsilon=2.0**-17, frequencies=frequencies)
    queries, keys = heads * head, key_heads * head
    made = tuple(
        llama_float.Layer(
            norm(),
            matrix(queries, width),
            matrix(keys, width),
            matrix(keys, width),
            matrix(width, queries),
            norm(),
            matrix(hidden, width),
            matrix(hidden, width),
            matrix(width, hidden),
        )
        for _ in range(layers)
    )
    embedding = matrix(vocabulary, width)
    return llama_float.Decoder(shape, embedding, made, norm(), embedding)


def _text(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value):
    """A field's type and value."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    parts = [_value(item) for item in value]
    return (
        struct.pack("<I", 9)
        + parts[0][:4]
        + struct.pack("<Q", len(parts))
        + b"".join(part[4:] for part in parts)
    )


def gguf(fields, tensors, *, version=3, alignment=32):
    """A GGUF file: ``tensors`` are (name, array) or (name, lengths, type, bytes)."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(fields))
    for key, value in fields.items():
        head += _text(key) + _value(value)
    body = b""
    for name, *rest in tensors:
        if len(rest) == 1:
            [array] = rest
            rest = [array.shape[::-1], 0, array.astype("<f4").tobytes()]
        lengths, kind, data = rest
        head += _text(name) + struct.pack(f"<I{len(lengths)}Q", len(lengths), *lengths)
        head += struct.pack("<IQ", kind, len(body))
        body += data + bytes(-len(data) % alignment)
    return head + bytes(-len(head) % alignment) + body


def letters(count):
    """A vocabulary of ``count`` tokens: the end, bytes as GPT-2 writes them, and a few pairs."""
    tokens = ["<end>", *map(chr, range(ord("!"), ord("~") + 1))][: count - 3]
    return [*tokens, "Ġ", "th", "he"], ["t h", "h e"]


def gguf_of(decoder, **more):
    """The file that a decoder would come in."""
    shape = decoder.shape
    tokens, merges = letters(shape.vocabulary)
    fields = {
        "general.architecture": "llama",
        "llama.block_count": shape.layers,
        "llama.context_length": shape.context,
        "llama.embedding_length": shape.width,
        "llama.feed_forward_length": shape.hidden,
        "llama.attention.head_count": shape.heads,
        "llama.attention.head_count_kv": shape.key_heads,
        "llama.attention.layer_norm_rms_epsilon": shape.epsilon,
        "llama.vocab_size": shape.vocabulary,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.token_type": [3] + [1] * (len(tokens) - 1),
        "tokenizer.ggml.eos_token_id": 0,
        **more,
    }
    tensors = [("token_embd.weight", decoder.embedding), ("output_norm.weight", decoder.norm)]
    for index, layer in enumerate(decoder.layers):
        arrays = (
            layer.attention_norm,
            neighbours(layer.query, shape.heads),
            neighbours(layer.key, shape.key_heads),
            layer.value,
            layer.output,
            layer.product_norm,
            layer.gate,
            layer.up,
            layer.down,
        )
        names = llama_float._TENSORS
        tensors += [(f"blk.{index}.{n}.weight", a) for n, a in zip(names, arrays, strict=True)]
    return gguf({key: value for key, value in fields.items() if value is not None}, tensors)


def neighbours(matrix, heads):
    """A head's rows in GGUF's order: those that are turned together are neighbours."""
    pairs = matrix.reshape(heads, 2, -1, matrix.shape[1])
    return pairs.swapaxes(1, 2).reshape(matrix.shape)


# --- Encoders -------------------------------------------------------------------------------------


def encoder(seed=0, *, layers=2, width=32, hidden=64, heads=4, vocabulary=40, places=16):
    rng = np.random.default_rng(seed)

    def matrix(*shape):
        return (rng.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)

    def vector(size):
        return (rng.normal(size=size) / 8).astype(np.float32)

    def norm():
        return safetensors_bert.Norm(1 + vector(width), vector(width))

    def linear(outputs, inputs):
        return safetensors_bert.Linear(matrix(outputs, inputs), vector(outputs))

    shape = safetensors_bert.Shape(layers, width, hidden, heads, vocabulary, places, 1e-12)
    made = tuple(
        safetensors_bert.Layer(
            *(linear(width, width) for _ in range(4)),
            norm(),
            linear(hidden, width),
            linear(width, hidden),
            norm(),
        )
        for _ in range(layers)
    )
    embeddings = matrix(vocabulary, width), matrix(places, width)
    return safetensors_bert.Encoder(shape, *embeddings, norm(), made)


def config_of(shape):
    return {
        "model_type": "bert",
        "hidden_size": shape.width,
        "intermediate_size": shape.hidden,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.places,
        "layer_norm_eps": shape.epsilon,
    }


def tensors_of(encoder):
    """The tensors of a BERT file, by name."""
    found = {
        "embeddings.word_embeddings.weight": encoder.words,
        "embeddings.position_embeddings.weight": encoder.places,
        "embeddings.token_type_embeddings.weight": np.zeros((2, encoder.shape.width), np.float32),
        **_norm("embeddings.LayerNorm", encoder.norm),
    }
    for index, layer in enumerate(encoder.layers):
        name = f"encoder.layer.{index}"
        for part in ("query", "key", "value"):
            found |= _linear(f"{name}.attention.self.{part}", getattr(layer, part))
        found |= _linear(f"{name}.attention.output.dense", layer.output)
        found |= _norm(f"{name}.attention.output.LayerNorm", layer.attention_norm)
        found |= _linear(f"{name}.intermediate.dense", layer.up)
        found |= _linear(f"{name}.output.dense", layer.down)
        found |= _norm(f"{name}.output.LayerNorm", layer.product_norm)
    return found


def _linear(name, linear):
    return {f"{name}.weight": linear.matrix, f"{name}.bias": linear.bias}


def _norm(name, norm):
    return {f"{name}.weight": norm.gamma, f"{name}.bias": norm.beta}


def tokenizer_of(size):
    """A tokenizer of words: w1, w2 …; in brackets, between 1 and 2."""
    words = ["[PAD]", "[CLS]", "[SEP]", *(f"w{index}" for index in range(3, size))]
    return {
        "version": "1.0",
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "model": {
            "type": "WordLevel",
            "vocab": {word: index for index, word in enumerate(words)},
            "unk_token": "[PAD]",
        },
    }


def folder_of(folder, encoder, tensors=None, **config):
    """Write the folder that an encoder would come in."""
    contents = {"config.json": config_of(encoder.shape) | config}
    contents["tokenizer.json"] = tokenizer_of(encoder.shape.vocabulary)
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content))
    save_file(tensors or tensors_of(encoder), folder / "model.safetensors")
    return folder
