// Prints how the image of deploy/Dockerfile is run, as the JSON of an OCI image: for whoever makes it without the Dockerfile.

import { imageConfig } from './manifests.ts'

process.stdout.write(JSON.stringify(imageConfig()))
