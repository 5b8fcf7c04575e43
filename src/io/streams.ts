/**
 * Streams as every runtime has them: some make none of an iterable, and cannot be iterated over.
 *
 * @module
 */

/** A stream of what is iterated over. */
export function streamOf<Chunk>(
  chunks: Iterable<Chunk> | AsyncIterable<Chunk>,
): ReadableStream<Chunk> {
  const iterator = Symbol.asyncIterator in chunks
    ? chunks[Symbol.asyncIterator]()
    : chunks[Symbol.iterator]();
  return new ReadableStream<Chunk>({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
    // Nothing is made before it is asked for.
  }, { highWaterMark: 0 });
}

/** Iterates over a stream. */
export async function* chunksOf<Chunk>(stream: ReadableStream<Chunk>): AsyncGenerator<Chunk> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}
