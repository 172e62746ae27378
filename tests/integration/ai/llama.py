"""A real model server without a real model: llama.cpp's own, with a tiny llama of random weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

KEY = "sk-llama-key"
CONTEXT_TOKENS = 8192  # a byte a token: room for a real prompt
_WIDTH, _INNER, _HEADS = 32, 64, 2
_TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "


def write_model(path: Path) -> None:
    """Write a llama of one layer: byte-level BPE, weights from a fixed seed, inclined to ASCII.

    Random text in valid JSON is what comes of it, and mostly UTF-8: the server answers 500 to anything else.
    """
    tokens = [*_byte_alphabet(), "th", "<|bos|>", "<|eos|>"]  # BPE needs one merge at least
    control = [gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL] * 2
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types(control)
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(258)
    writer.add_add_bos_token(False)
    writer.add_chat_template(_TEMPLATE)
    for name, weights in _weights(len(tokens)).items():
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@contextmanager
def llama(model: Path, *, embedding: bool = False) -> Iterator[str]:
    """Run the server, and return its base URL."""
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = params.cpuparams.n_threads = 1
    params.n_threads_http = 2
    params.warmup = False
    params.verbosity = 0
    params.api_keys = [KEY]
    params.embedding = embedding
    if embedding:
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server  # it stops when it is let go of


def _byte_alphabet() -> list[str]:
    """The characters that stand for the 256 bytes in GPT-2's vocabulary (`bytes_to_unicode` in its encoder.py)."""
    shown = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in shown else next(others)) for byte in range(256)]


def _weights(vocabulary: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)

    def of(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * 0.3).astype(np.float32)

    embedding, output = of(vocabulary, _WIDTH), of(vocabulary, _WIDTH)
    embedding[:, 0] = 8.0  # the first dimension survives the layer and the norm, and so works as a bias of the output
    output[:, 0] = -4.0
    output[32:127, 0] = 1.0  # printable ASCII
    inner = {f"blk.0.attn_{part}.weight": of(_WIDTH, _WIDTH) for part in ("q", "k", "v", "output")}
    return {
        "token_embd.weight": embedding,
        "output_norm.weight": np.ones(_WIDTH, np.float32),
        "output.weight": output,
        "blk.0.attn_norm.weight": np.ones(_WIDTH, np.float32),
        **inner,
        "blk.0.ffn_norm.weight": np.ones(_WIDTH, np.float32),
        "blk.0.ffn_gate.weight": of(_INNER, _WIDTH),
        "blk.0.ffn_up.weight": of(_INNER, _WIDTH),
        "blk.0.ffn_down.weight": of(_WIDTH, _INNER),
    }
