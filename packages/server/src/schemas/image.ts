import { z } from "@hono/zod-openapi";
import { imageReference } from "./fields.js";

export const pullImageBody = z.strictObject({ image: imageReference }).openapi("PullImage");

export const imageSchema = z
  .object({
    reference: z.string().openapi({ description: "in full, as it was asked for" }),
    digest: z.string().openapi({ description: "of its manifest for this machine" }),
    user: z.string().nullable().openapi({
      description:
        "what the image would run as; commands are uid 1000 whatever it is, under its name where the image has it",
    }),
  })
  .openapi("Image");
