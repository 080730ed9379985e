/** Pulls an image and ends as if killed as soon as so much of a phase is done. Arguments: options of `Images` as JSON, a reference, the phase, bytes. */
import { Images, type ImagesOptions } from "../../src/index.js";

const [options = "", reference = "", phase, bytes] = process.argv.slice(2);
const images = Images.open(JSON.parse(options) as ImagesOptions);
await images.pull(reference, {
  onProgress: (progress) => {
    if (progress.phase === phase && progress.bytes >= Number(bytes)) process.kill(process.pid, "SIGKILL");
  },
});
