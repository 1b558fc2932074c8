// Validates an OpenAPI document with @seriousme/openapi-schema-validator.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.MODULES}/`);
const entry = require.resolve("@seriousme/openapi-schema-validator");
const { Validator } = await import(pathToFileURL(entry));
const validator = new Validator();
const found = await validator.validate(process.argv[2]);
if (!found.valid || validator.version !== "3.1") {
  console.error(JSON.stringify(found, null, 2), validator.version);
  process.exit(1);
}
