#!/usr/bin/env python3
"""Writes eip712.json: digests and signatures of receipts and vouchers by a second implementation.

    pip install eth-account && python3 eip712.py
"""
import hashlib, json
from pathlib import Path
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

DOMAIN = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]
RECEIPT = [(n, "bytes32") for n in ("requestId", "model", "adapter", "promptHash", "outputHash")] + [(n, "uint32") for n in ("promptTokens", "cachedTokens", "completionTokens")] \
    + [("payer", "address"), ("node", "address"), ("fee", "uint128"), ("timestamp", "uint64"), ("nonce", "uint64")]
VOUCHER = [("payer", "address"), ("node", "address"), ("adapter", "bytes32"), ("cumulative", "uint128"), ("timestamp", "uint64"), ("nonce", "uint64")]
fields = lambda f: [dict(name=n, type=t) for n, t in f]
h = lambda s: hashlib.sha256(s.encode()).digest()
key = lambda s: "0x" + h("talea vector key: " + s).hex()

def sign(kind, types, domain, message, *keys):
    doc = dict(types=dict(EIP712Domain=fields(DOMAIN), **{kind: fields(types)}), primaryType=kind, domain=domain, message=message)
    m = encode_typed_data(full_message=doc)
    show = {k: v.hex() if isinstance(v, bytes) else str(v) for k, v in message.items()}
    return dict(kind=kind, chain_id=domain["chainId"], contract=domain["verifyingContract"], message=show,
                digest=keccak(b"\x19" + m.version + m.header + m.body).hex(), signatures=[Account.sign_message(m, k).signature.hex() for k in keys])

payer, node = key("payer"), key("node")
a = dict(payer=Account.from_key(payer).address, node=Account.from_key(node).address)
out = []
for i, (chain, contract) in enumerate([(31337, "0x" + "00" * 20), (1, "0x" + "11" * 20), (2**53, "0x" + "ff" * 20)]):
    domain = dict(name="Talea", version="1", chainId=chain, verifyingContract=contract)
    r = dict(requestId=h(f"id{i}"), model=h(f"model{i}"), adapter=h(f"adapter{i}"), promptHash=h(f"p{i}"), outputHash=h(f"o{i}"), promptTokens=[15, 0, 2**32 - 1][i],
             cachedTokens=[3, 0, 2**32 - 1][i], completionTokens=[40, 0, 2**32 - 1][i], fee=[26250000000000000, 0, 2**92 - 1][i], timestamp=[1790000000, 0, 2**64 - 1][i], nonce=[1, 0, 2**64 - 1][i], **a)
    out.append(sign("InferenceReceipt", RECEIPT, domain, r, payer, node))
    v = dict(adapter=h(f"adapter{i}"), cumulative=[26250000000000000, 0, 2**128 - 1][i], timestamp=r["timestamp"], nonce=r["nonce"], **a)
    out.append(sign("Voucher", VOUCHER, domain, v, payer))
(Path(__file__).parent / "eip712.json").write_text(json.dumps(dict(payer_key=payer, node_key=node, cases=out), indent=1) + "\n")
