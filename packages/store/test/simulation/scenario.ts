/** An operation that is stopped everywhere, and the store it starts from. */
import type { Engine } from "../../src/engine/engine.js";
import type { Files } from "../../src/platform/files.js";

export interface Scenario {
  name: string;
  prepare: (engine: Engine, files: Files) => void;
  act: (engine: Engine, files: Files) => void;
  /** What must work afterwards, however the operation ended; throws when it does not. */
  goOn?: (engine: Engine) => void;
  /** The store is damaged from the start: what is to be done to it before it can be judged. */
  mend?: (engine: Engine) => void;
  /** The store itself is what is made. */
  isInit?: boolean;
}
