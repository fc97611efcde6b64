// Takes whatever is posted, as a backend does: OTLP's answer to everything. Prints its port.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((request, response) => {
  request
    .resume()
    .on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end())
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
