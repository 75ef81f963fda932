// Unpacks the browser beside the package that carries it; the package's own code would do so in the shared /tmp.
import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream, mkdirSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const packed = "node_modules/@sparticuz/chromium/bin";
const unpacked = "node_modules/.chromium";
const unpack = (name, target, mode) =>
  pipeline(createReadStream(`${packed}/${name}.br`), createBrotliDecompress(), createWriteStream(target, { mode }));

mkdirSync(unpacked, { recursive: true });
await unpack("chromium", `${unpacked}/chromium`, 0o755);
await unpack("al2023.tar", `${unpacked}/libraries.tar`, 0o644); // what it links with and few machines have
execFileSync("tar", ["-xf", "libraries.tar"], { cwd: unpacked });
