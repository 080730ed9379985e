import type { Contender } from "../contender.js";
import { borg } from "./borg.js";
import { chaser } from "./chaser.js";
import { cp } from "./cp.js";
import { git } from "./git.js";
import { restic } from "./restic.js";
import { tar, tarZstd } from "./tar-zstd.js";

export const contenders: readonly Contender[] = [chaser, restic, borg, tarZstd, tar, git, cp];
