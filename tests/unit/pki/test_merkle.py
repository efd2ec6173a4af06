"""RFC 9162's trees, against the vectors of Certificate Transparency and a naive reference."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pki import merkle
from pgward.pki.merkle import CompactRange, MerkleError, Node

# The eight leaves, roots and proofs of certificate-transparency-go (RFC 6962 test vectors).
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
ROOTS = [
    bytes.fromhex(each)
    for each in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
sizes = st.integers(1, 300)


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = naive_split(len(leaves))
    return merkle.node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_split(size: int) -> int:
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = naive_split(len(leaves))
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(first: int, leaves: list[bytes], known: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.4.1."""
    size = len(leaves)
    if first == size:
        return [] if known else [naive_root(leaves)]
    k = naive_split(size)
    if first <= k:
        return [*naive_subproof(first, leaves[:k], known), naive_root(leaves[k:])]
    return [*naive_subproof(first - k, leaves[k:], False), naive_root(leaves[:k])]


def some_leaves(size: int) -> list[bytes]:
    return [merkle.leaf_hash(each.to_bytes(4)) for each in range(size)]


def all_nodes(leaves: list[bytes]) -> dict[Node, bytes]:
    tree, nodes = CompactRange(), {}
    for index, leaf in enumerate(leaves):
        nodes[Node(0, index)] = leaf
        nodes |= dict(tree.append(leaf))
    return nodes


def flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_of_the_known_leaves(size: int) -> None:
    assert merkle.root_of(HASHES[:size]) == ROOTS[size]


@pytest.mark.parametrize("which", INCLUSION)
def test_the_inclusion_proofs_of_the_known_leaves(which: tuple[int, int]) -> None:
    index, size = which
    proof = merkle.inclusion(index, size).proof(all_nodes(HASHES))
    assert [each.hex() for each in proof] == INCLUSION[which]
    merkle.check_inclusion(HASHES[index], index, size, proof, ROOTS[size])


@pytest.mark.parametrize("which", CONSISTENCY)
def test_the_consistency_proofs_of_the_known_leaves(which: tuple[int, int]) -> None:
    first, second = which
    proof = merkle.consistency(first, second).proof(all_nodes(HASHES))
    assert [each.hex() for each in proof] == CONSISTENCY[which]
    merkle.check_consistency(first, ROOTS[first], second, ROOTS[second], proof)


@given(sizes, st.data())
def test_inclusion_is_the_rfcs_and_holds(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = some_leaves(size)
    proof = merkle.inclusion(index, size).proof(all_nodes(leaves))
    assert proof == naive_path(index, leaves)
    merkle.check_inclusion(leaves[index], index, size, proof, naive_root(leaves))


@given(sizes, st.data())
def test_consistency_is_the_rfcs_and_holds(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second))
    leaves = some_leaves(second)
    proof = merkle.consistency(first, second).proof(all_nodes(leaves))
    assert proof == naive_subproof(first, leaves, True)
    roots = naive_root(leaves[:first]), naive_root(leaves)
    merkle.check_consistency(first, roots[0], second, roots[1], proof)


@given(sizes, st.data())
def test_a_wrong_inclusion_proof_never_holds(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = some_leaves(size)
    root, proof = naive_root(leaves), naive_path(index, leaves)
    other = data.draw(st.integers(0, size - 1).filter(lambda each: each != index) | st.none())
    wrong = [
        (flip(leaves[index]), index, size, proof, root),
        (leaves[index], index, size, proof, flip(root)),
        (leaves[index], index, size, [*proof, root], root),
        (leaves[index], index, size + (1 << 10), proof, root),
    ]
    if other is not None:
        wrong.append((leaves[index], other, size, proof, root))
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        wrong.append((leaves[index], index, size, proof[:-1], root))
        altered = [*proof[:at], flip(proof[at]), *proof[at + 1 :]]
        wrong.append((leaves[index], index, size, altered, root))
    for case in wrong:
        with pytest.raises(MerkleError):
            merkle.check_inclusion(*case)


@given(sizes, st.data())
def test_a_wrong_consistency_proof_never_holds(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second))
    leaves = some_leaves(second)
    old, new = naive_root(leaves[:first]), naive_root(leaves)
    proof = naive_subproof(first, leaves, True)
    wrong = [
        (first, flip(old), second, new, proof),
        (first, old, second, flip(new), proof),
        (first, old, second, new, [*proof, new]),
        (second + 1, old, second, new, proof),
    ]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        wrong.append((first, old, second, new, proof[:-1]))
        altered = [*proof[:at], flip(proof[at]), *proof[at + 1 :]]
        wrong.append((first, old, second, new, altered))
    for case in wrong:
        with pytest.raises(MerkleError):
            merkle.check_consistency(*case)


@given(st.binary(max_size=40), st.integers(-1, 70), st.lists(st.binary(max_size=33), max_size=80))
def test_any_bytes_are_a_proof_or_one_error(leaf: bytes, index: int, proof: list[bytes]) -> None:
    for check in (
        lambda: merkle.check_inclusion(leaf, index, index + 3, proof, leaf),
        lambda: merkle.check_consistency(index, leaf, index + 3, leaf, proof),
    ):
        with pytest.raises(MerkleError):
            check()


def test_a_fork_is_not_consistent() -> None:
    honest = some_leaves(20)
    forked = [*honest[:9], merkle.leaf_hash(b"another"), *honest[10:]]
    proof = merkle.consistency(10, 20).proof(all_nodes(forked))
    with pytest.raises(MerkleError, match="does not begin with the log of 10 leaves"):
        merkle.check_consistency(10, naive_root(honest[:10]), 20, naive_root(forked), proof)


def test_a_shorter_log_is_not_consistent() -> None:
    with pytest.raises(MerkleError, match="shrank from 9 to 8"):
        merkle.check_consistency(9, ROOTS[8], 8, ROOTS[8], [])


def test_an_empty_log_is_consistent_with_every_later_one() -> None:
    merkle.check_consistency(0, merkle.EMPTY_ROOT, 8, ROOTS[8], [])
    with pytest.raises(MerkleError):
        merkle.check_consistency(0, ROOTS[1], 8, ROOTS[8], [])


def test_two_logs_of_one_size_must_be_one() -> None:
    with pytest.raises(MerkleError, match="two different logs of 8 leaves"):
        merkle.check_consistency(8, ROOTS[8], 8, ROOTS[7], [])


def test_a_proof_needs_few_nodes() -> None:
    size = 1_000_003
    worst = max(len(merkle.inclusion(at, size).nodes()) for at in range(0, size, 997))
    assert worst <= 2 * size.bit_length()
    assert len(merkle.consistency(size - 2, size).nodes()) <= 3 * size.bit_length()


@given(st.integers(0, 200))
def test_a_compact_range_is_read_as_it_was_packed(size: int) -> None:
    tree = CompactRange()
    for leaf in some_leaves(size):
        tree.append(leaf)
    assert CompactRange.read(size, tree.pack()) == tree


@pytest.mark.parametrize(("size", "packed"), [(1, b""), (2, bytes(64)), (1, bytes(31)), (-1, b"")])
def test_a_damaged_compact_range_is_refused(size: int, packed: bytes) -> None:
    with pytest.raises(MerkleError):
        CompactRange.read(size, packed)


def test_every_node_is_completed_once_by_its_last_leaf() -> None:
    tree = CompactRange()
    completed = [tree.append(leaf) for leaf in some_leaves(64)]
    assert [node for node, _ in completed[63]] == [
        Node(level, (64 >> level) - 1) for level in range(1, 7)
    ]
    every = [node for nodes in completed for node, _ in nodes]
    assert len(every) == len(set(every)) == 63


def test_subtrees_are_cut_from_left_to_right() -> None:
    assert list(merkle.perfect(8, 15)) == [Node(2, 2), Node(1, 6), Node(0, 14)]
    ends = [
        (node.position << node.level, (node.position + 1) << node.level)
        for node in merkle.perfect(0, 1000)
    ]
    assert all(left[1] == right[0] for left, right in pairwise(ends))
