"use strict";

SwaggerUIBundle({
  url: "/docs/openapi.json", // the same document as OpenAPI 3.0: this version of the page knows no newer one
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: -1,
  docExpansion: "list",
  filter: true,
  validatorUrl: null, // nothing leaves this origin
});
