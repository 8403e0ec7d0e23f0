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

/**
 * The same for the body of an answer and nothing else: the runtime's listener takes each chunk as it is given out, without
 * the queue of a stream between, at half the cost and with nothing left behind for the collector. What chunks throw cuts the
 * connection. A chunk may be used again once the next is asked for.
 */
export function sentStreamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    type: "direct",
    async pull(controller) {
      try {
        for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
          await controller.write(next.value as Uint8Array<ArrayBuffer>);
          await controller.flush();
        }
      } finally {
        await iterator.return?.(undefined);
      }
      controller.close();
    },
    async cancel() {
      await iterator.return?.(undefined);
    },
  });
}
