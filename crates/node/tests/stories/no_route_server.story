# A route server that is gone for weeks: the first failure is told, then one line a minute. When it is back, everything is told again.
config addresses={vip={interface=lo held=[192.0.2.100/32] proof-age=500ms follows=master{group=cache servers=[10.0.0.1:6379]} way=bgp{neighbors={rs={remote=192.0.2.1:179 remote-as=65001 local-as=65002 identifier=10.0.0.1 families=[ipv4 ipv6] hold-time=90 connect-retry=5000ms ttl=hops(1)}} routes={192.0.2.100/32={}}}}}

at 0ms startup left=[] handed-over=false
       > peer address=vip neighbor=rs action=connect{conn=1 to=192.0.2.1:179}
       > peer address=vip neighbor=rs action=state-changed{from=idle to=connect why=started}
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
at 1ms peer address=vip neighbor=rs event=refused{conn=1 why="no route to host"}
       > peer address=vip neighbor=rs action=state-changed{from=connect to=idle why=refused("no route to host")}
until 3000ms
  at 880.435154ms wake
         > peer address=vip neighbor=rs action=connect{conn=2 to=192.0.2.1:179}
at 3001ms peer address=vip neighbor=rs event=refused{conn=2 why="no route to host"}
until 80000ms
  at 4845.471127ms wake
         > peer address=vip neighbor=rs action=connect{conn=3 to=192.0.2.1:179}
  at 9133.62439ms wake
         > peer address=vip neighbor=rs action=close{conn=3}
         > peer address=vip neighbor=rs action=connect{conn=4 to=192.0.2.1:179}
  at 13496.08613ms wake
         > peer address=vip neighbor=rs action=close{conn=4}
         > peer address=vip neighbor=rs action=connect{conn=5 to=192.0.2.1:179}
  at 17749.619431ms wake
         > peer address=vip neighbor=rs action=close{conn=5}
         > peer address=vip neighbor=rs action=connect{conn=6 to=192.0.2.1:179}
  at 22412.629932ms wake
         > peer address=vip neighbor=rs action=close{conn=6}
         > peer address=vip neighbor=rs action=connect{conn=7 to=192.0.2.1:179}
  at 27253.834433ms wake
         > peer address=vip neighbor=rs action=close{conn=7}
         > peer address=vip neighbor=rs action=connect{conn=8 to=192.0.2.1:179}
  at 31832.93235ms wake
         > peer address=vip neighbor=rs action=close{conn=8}
         > peer address=vip neighbor=rs action=connect{conn=9 to=192.0.2.1:179}
  at 35842.334238ms wake
         > peer address=vip neighbor=rs action=close{conn=9}
         > peer address=vip neighbor=rs action=connect{conn=10 to=192.0.2.1:179}
  at 40661.749381ms wake
         > peer address=vip neighbor=rs action=close{conn=10}
         > peer address=vip neighbor=rs action=connect{conn=11 to=192.0.2.1:179}
  at 44805.008645ms wake
         > peer address=vip neighbor=rs action=close{conn=11}
         > peer address=vip neighbor=rs action=connect{conn=12 to=192.0.2.1:179}
  at 49002.463119ms wake
         > peer address=vip neighbor=rs action=close{conn=12}
         > peer address=vip neighbor=rs action=connect{conn=13 to=192.0.2.1:179}
  at 53649.423311ms wake
         > peer address=vip neighbor=rs action=close{conn=13}
         > peer address=vip neighbor=rs action=connect{conn=14 to=192.0.2.1:179}
  at 57644.232205ms wake
         > peer address=vip neighbor=rs action=close{conn=14}
         > peer address=vip neighbor=rs action=connect{conn=15 to=192.0.2.1:179}
  at 62226.248754ms wake
         > peer address=vip neighbor=rs action=close{conn=15}
         > peer address=vip neighbor=rs action=connect{conn=16 to=192.0.2.1:179}
         > tell address=vip is-bad=true text="no session with rs: nobody answered the attempt to connect (14 times since the last line)"
  at 66162.955975ms wake
         > peer address=vip neighbor=rs action=close{conn=16}
         > peer address=vip neighbor=rs action=connect{conn=17 to=192.0.2.1:179}
  at 70716.710421ms wake
         > peer address=vip neighbor=rs action=close{conn=17}
         > peer address=vip neighbor=rs action=connect{conn=18 to=192.0.2.1:179}
  at 75534.549131ms wake
         > peer address=vip neighbor=rs action=close{conn=18}
         > peer address=vip neighbor=rs action=connect{conn=19 to=192.0.2.1:179}
  at 79319.483807ms wake
         > peer address=vip neighbor=rs action=close{conn=19}
         > peer address=vip neighbor=rs action=connect{conn=20 to=192.0.2.1:179}
