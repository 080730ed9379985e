import { randomUUID } from "node:crypto";
import type { Image, Images } from "@chaser/runtime";
import type { Store } from "@chaser/store";
import { imageRootDirectories } from "../workspaces/disk-layout.js";
import type { SessionRoot } from "./active-session.js";

/**
 * What commands change of an image goes to a disk of its own that ends with the session: in the account's store, so that it
 * counts for its cap, and so that whatever a crash leaves is removed as any disk that no workspace owns.
 */
export async function rootOf(store: Store, images: Images, image: Image): Promise<SessionRoot> {
  const { layersDirectory, owner } = images;
  const id = randomUUID();
  await store.disks.create({ id, driver: "directory", directories: imageRootDirectories });
  try {
    const attachment = await store.disks.attach(id);
    const place = attachment.mount.driver === "directory" ? attachment.mount.path : "";
    return {
      image: { image, layersDirectory, owner, upper: `${place}/upper`, work: `${place}/work` },
      remove: async () => {
        await attachment.detach();
        await store.disks.delete(id);
      },
    };
  } catch (error) {
    await store.disks.delete(id);
    throw error;
  }
}
