"""Hash keys and seeds: equal names give equal values on every machine and in every version."""

from pangea_cultural.utils.sampling import hash_key, hash_seed


def test_hash_key_is_the_sha256_of_the_name():
    assert hash_key("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_hash_seed_is_the_little_endian_start_of_the_key():
    assert hash_seed("abc", num_bytes=8) == 0xEACF018FBF1678BA
    assert hash_seed("abc", num_bytes=16) == 0x2322AE5DDE404141EACF018FBF1678BA
