// Browses TYPE, and advertises NAME, of this type, at PORT of the host. Needs mqtt 4 or 5 (npm install mqtt; node-mqtt).
// Run: node client.js TYPE CLIENT ID NAME PORT. Broker: MQTT_SOCKET, MQTT_URL (mqtt://HOST:PORT) or the usual places.
'use strict'
const fs = require('fs')
const net = require('net')
const mqtt = require('mqtt')

const [type, clientName, id, name, port] = process.argv.slice(2)
const [prefix, lease, usual] = ['mdns', 30, '/run/mdns-mqtt/mqtt.sock']
const [state, presence] = [`${prefix}/bridge/state`, `${prefix}/client/${clientName}`]
const request = `${prefix}/advertise/${clientName}/${id}`
const wish = JSON.stringify({ name, type, port: Number(port), lease })
const url = process.env.MQTT_URL
const socket = process.env.MQTT_SOCKET || (!url && fs.existsSync(usual) && usual)
const keys = ['state', 'name', 'interface', 'host', 'port', 'addresses', 'txt', 'error', 'reason', 'warnings']
const known = new Map() // services, the bridge's state and the status of our wish, as text, by topic
const unconfirmed = new Set() // topics

function update (topic, record) {
  const old = known.get(topic)
  const entries = keys.filter(key => key in record).map(key => [key, record[key]])
  const text = entries.length ? JSON.stringify(Object.fromEntries(entries)) : undefined
  if (text) known.set(topic, text)
  else known.delete(topic)
  if (text === old) return // else here is the place for what your program wants to do
  console.log(topic.slice(prefix.length + 1).split('/')[0], old && text ? 'change' : text ? 'add' : 'remove', text || old)
}

const retained = { qos: 1, retain: true }
const options = { resubscribe: false, will: { topic: presence, payload: 'offline', ...retained } }
const client = socket
  ? new mqtt.Client(() => net.connect(socket), options)
  : mqtt.connect(url || 'mqtt://127.0.0.1:1883', options)

client.on('error', error => console.error(error.message)) // it tries again by itself
client.on('connect', () => {
  for (const topic of known.keys()) unconfirmed.add(topic) // what does not come again before `online` went meanwhile
  client.subscribe([`${prefix}/service/+/${type}/#`, `${request}/status`, state], { qos: 1 })
  client.publish(presence, 'online', retained)
  client.publish(request, wish, retained)
})
client.on('message', (topic, payload) => {
  let record = {}
  try {
    record = Object(JSON.parse(payload)) // what is no record is as good as none
  } catch {}
  unconfirmed.delete(topic)
  update(topic, record.state === 'gone' ? {} : record)
  if (topic !== state || record.state !== 'online') return
  for (const gone of unconfirmed) update(gone, {})
  unconfirmed.clear()
})
const renewal = setInterval(() => client.connected && client.publish(request, wish, retained), lease * 1000 / 3)
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    clearInterval(renewal)
    if (!client.connected) return client.end(true)
    client.publish(presence, 'offline', retained, () => client.end()) // a clean end voids the will
  })
}
