# One of lelastic's route servers, from the first connection to a clean stop. The proxy falls ill on the way: its address is withdrawn
# while the session stands.
machine bgp
config remote="[2600:3c0f:18:34::1]:179" remote-as=65000 local-as=65001 identifier=10.0.0.1 families=[ipv4 ipv6] hold-time=9 connect-retry=5000ms ttl=hops(16)
seed 7

at 0ms wanted routes={192.168.0.3/32={communities=[65000:1]}}
at 0ms started
       > connect conn=1 to="[2600:3c0f:18:34::1]:179"
       > state-changed from=idle to=connect why=started

# It is up, but nobody has said yet that it can serve.
at 20ms connected conn=1 local=2600:3c0f:18:34::100
       > send conn=1 bytes=M003b0104fde900090a0000011e021c0104000100010104000200010200050600010001000241040000fde9
       > state-changed from=connect to=open-sent why=connected
# Its OPEN: AS 65000, 9 s, both families, route refresh, IPv4 with IPv6 hops, four octets.
at 40ms bytes conn=1 bytes=M003b0104fde80009c00002011e021c0104000100010104000200010200050600010001000241040000fde8
       > send conn=1 bytes=M001304
       > state-changed from=open-sent to=open-confirm why=agreed
at 60ms bytes conn=1 bytes=M001304
       > state-changed from=open-confirm to=established why=confirmed
at 61ms sent conn=1 bytes=78

at 200ms health healthy=true
       > send conn=1 bytes=M00480200000031800e1a0001011026003c0f0018003400000000000001000020c0a800034001010240020602010000fde9c00804fde80001
       > told announced=1 withdrawn=0
at 201ms sent conn=1 bytes=72

# A third of the hold time later, or a little less.
until 3000ms
  at 2695.044196ms wake
         > send conn=1 bytes=M001304
at 3010ms bytes conn=1 bytes=M001304

# The proxy hangs.
at 4000ms health healthy=false
       > send conn=1 bytes=M0022020000000b800f0800010120c0a80003
       > told announced=0 withdrawn=1
at 5000ms health healthy=true
       > send conn=1 bytes=M00480200000031800e1a0001011026003c0f0018003400000000000001000020c0a800034001010240020602010000fde9c00804fde80001
       > told announced=1 withdrawn=0

# The server lost its table, and asks for all IPv4 routes once more.
at 5100ms bytes conn=1 bytes=M00170500010001
       > send conn=1 bytes=M00480200000031800e1a0001011026003c0f0018003400000000000001000020c0a800034001010240020602010000fde9c00804fde80001
       > told announced=1 withdrawn=0

at 5200ms stopped text=upgrade
       > send conn=1 bytes=M0022020000000b800f0800010120c0a80003
       > told announced=0 withdrawn=1
       > send conn=1 bytes=M001d0306020775706772616465
       > close conn=1
       > state-changed from=established to=idle why=stopped(upgrade)
at 5300ms closed conn=1
until 60000ms
