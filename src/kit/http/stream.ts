/**
 * From bytes in order to a stream that HTTP takes: pulled at the pace of the reader, and ended when the reader leaves.
 */

/** A stream over chunks. What they throw fails the stream; a reader who goes away ends them. */
export function streamOf<B extends ArrayBufferLike>(
  chunks: AsyncIterable<Uint8Array<B>>,
  strategy: QueuingStrategy<Uint8Array<B>> = {},
): ReadableStream<Uint8Array<B>> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array<B>>(
    {
      async pull(controller) {
        const next = await iterator.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await iterator.return?.(undefined);
      },
    },
    strategy,
  );
}
