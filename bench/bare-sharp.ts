/**
 * The bare call that images are measured beside, in a process of its own: for each line on standard input, a JSON object
 * with `files`, `width`, `height`, `quality` and `clients`, resizes the files and answers how long all took.
 */
import sharp from "sharp";

interface Order {
  files: string[];
  width: number;
  height: number;
  cover: boolean;
  quality: number;
  clients: number;
}

sharp.cache(false);
sharp.concurrency(1);

for await (const line of console) {
  const { files, width, height, cover, quality, clients } = JSON.parse(line) as Order;
  const waiting = [...files];
  let bytes = 0;
  const startedMs = performance.now();
  const client = async () => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      const source = await Bun.file(file).bytes();
      const result = await sharp(source, { failOn: "error" })
        .autoOrient()
        .resize(width, height, { fit: cover ? "cover" : "fill" })
        .jpeg({ quality })
        .toBuffer();
      bytes += result.length;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - startedMs) / 1000, bytes })}\n`);
}
