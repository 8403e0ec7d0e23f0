/**
 * Memory given back at once. What many large buffers leave behind is found by the collector only in its rare full rounds,
 * as they have lived through several small ones while a disk was waited for; a few hundred megabytes gather until then.
 */

/**
 * Frees the memory of bytes that nobody will look at again: they are empty afterwards, like every other view of the same
 * buffer. Does nothing when they are only a part of their buffer.
 */
export function letGo(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && bytes.byteLength > 0 && bytes.byteLength === buffer.byteLength)
    buffer.transfer(0);
}
