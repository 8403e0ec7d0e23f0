/**
 * The keys of an encrypted cluster. The primary key encrypts; every key is tried for decryption, so that a new key can be
 * added everywhere, then used everywhere, and only then the old one removed. Keys are AES keys of 16, 24 or 32 bytes.
 */

/** An ordered set of AES keys, the primary one first. An empty keyring means no encryption. */
export class Keyring {
  #keys: Uint8Array[] = [];

  /** Holds copies of `keys`; the first is primary. Throws a RangeError for a key of another length. */
  constructor(keys: readonly Uint8Array[] = []) {
    for (const key of keys) this.add(key);
  }

  /** All keys, the primary one first. */
  get keys(): readonly Uint8Array[] {
    return this.#keys;
  }

  /** The key that encrypts, or undefined when the keyring is empty. */
  get primary(): Uint8Array | undefined {
    return this.#keys[0];
  }

  /** Adds a key for decryption; the first key becomes primary. Adding a known key changes nothing. Throws a RangeError. */
  add(key: Uint8Array): void {
    if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
      throw new RangeError(`Cannot add key of ${key.length} bytes: must be 16, 24 or 32`);
    }
    if (this.#find(key) < 0) this.#keys = [...this.#keys, Uint8Array.from(key)];
  }

  /** Makes a known key primary. Throws a RangeError if it was not added. */
  use(key: Uint8Array): void {
    const index = this.#find(key);
    const chosen = this.#keys[index];
    if (chosen === undefined) throw new RangeError("Cannot use key: it is not in the keyring");
    this.#keys = [chosen, ...this.#keys.filter((_, other) => other !== index)];
  }

  /** Removes a key; an unknown one is ignored. Throws a RangeError for the primary key. */
  remove(key: Uint8Array): void {
    const index = this.#find(key);
    if (index === 0) throw new RangeError("Cannot remove key: it is the primary one");
    if (index > 0) this.#keys = this.#keys.filter((_, other) => other !== index);
  }

  #find(key: Uint8Array): number {
    return this.#keys.findIndex((known) => Buffer.compare(known, key) === 0);
  }
}
