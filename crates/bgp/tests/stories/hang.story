# A route server stops in the middle of a session (SIGSTOP): it is given up after the hold time, and asked again until it answers.
machine bgp
config remote=192.0.2.1:179 remote-as=65000 local-as=65001 identifier=192.0.2.2 families=[ipv4] hold-time=9 connect-retry=5000ms ttl=hops(1)
seed 3

at 0ms health healthy=true
at 0ms wanted routes={203.0.113.9/32={}}
at 0ms started
       > connect conn=1 to=192.0.2.1:179
       > state-changed from=idle to=connect why=started
at 10ms connected conn=1 local=192.0.2.2
       > send conn=1 bytes=M002d0104fde90009c000020210020e010400010001020041040000fde9
       > state-changed from=connect to=open-sent why=connected
at 20ms bytes conn=1 bytes=M003b0104fde80009c00002011e021c0104000100010104000200010200050600010001000241040000fde8
       > send conn=1 bytes=M001304
       > state-changed from=open-sent to=open-confirm why=agreed
at 30ms bytes conn=1 bytes=M001304
       > state-changed from=open-confirm to=established why=confirmed
       > send conn=1 bytes=M003002000000144001010240020602010000fde9400304c000020220cb007109
       > told announced=1 withdrawn=0
at 31ms sent conn=1 bytes=112

# Silence.
until 10200ms
  at 2542.888439ms wake
         > send conn=1 bytes=M001304
  at 5191.95071ms wake
         > send conn=1 bytes=M001304
  at 7476.465063ms wake
         > send conn=1 bytes=M001304
  at 9030ms wake
         > send conn=1 bytes=M0015030400
         > close conn=1
         > state-changed from=established to=idle why=silent
  at 9819.244665ms wake
         > connect conn=2 to=192.0.2.1:179
         > state-changed from=idle to=connect why=retry

# The system behind the stopped server still takes the connection, and says nothing.
at 10210ms connected conn=2 local=192.0.2.2
       > send conn=2 bytes=M002d0104fde90009c000020210020e010400010001020041040000fde9
       > state-changed from=connect to=open-sent why=connected
at 12000ms bytes conn=1 bytes=M001304  # of the old connection: of no interest
# It goes on, and is angry about what it missed.
at 15000ms closed conn=2
       > state-changed from=open-sent to=idle why=closed
until 18000ms
  at 16856.43953ms wake
         > connect conn=3 to=192.0.2.1:179
         > state-changed from=idle to=connect why=retry
at 18000ms refused conn=3 why="connection refused"
       > state-changed from=connect to=idle why=refused("connection refused")
until 23000ms
  at 21746.062478ms wake
         > connect conn=4 to=192.0.2.1:179
         > state-changed from=idle to=connect why=retry
at 23000ms connected conn=4 local=192.0.2.2
       > send conn=4 bytes=M002d0104fde90009c000020210020e010400010001020041040000fde9
       > state-changed from=connect to=open-sent why=connected
at 23010ms bytes conn=4 bytes=M003b0104fde80009c00002011e021c0104000100010104000200010200050600010001000241040000fde8
       > send conn=4 bytes=M001304
       > state-changed from=open-sent to=open-confirm why=agreed
at 23020ms bytes conn=4 bytes=M001304
       > state-changed from=open-confirm to=established why=confirmed
       > send conn=4 bytes=M003002000000144001010240020602010000fde9400304c000020220cb007109
       > told announced=1 withdrawn=0
