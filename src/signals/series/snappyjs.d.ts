/** What tests use of snappyjs, which makes the blocks that they read; it comes without types of its own. */
declare module "snappyjs" {
  /** A Snappy block of the bytes. */
  export function compress(bytes: Uint8Array): Uint8Array;
}
